//! Orphans, statuses, and the main program's exit code.

use super::adapter::{Orphans, Wish};
use super::look::{children, expect_adopted_none, is_stopped, send, until};
use super::running::Running;
use super::signals::ready;
use super::stage::{Launch, Outcome, Stage};
use super::{Case, case};

pub const CASES: &[Case] = &[
    case("B17", "200 orphans that end in the same instant are all reaped", together),
    case("B18", "1,000 orphans in half a second are reaped while signals still arrive", storm),
    case("B19", "orphans are reaped while the program is stopping", while_stopping),
    case("B20", "orphans are reaped and their exit codes end nothing", orphans),
    case("B21", "stop and continuation of the program are no end", stop_is_no_end),
    case("B23", "the code of a program that ends at once is not lost, 50 times", at_once),
    case("B37", "under another init it adopts orphans without being asked", unasked),
    case("B53a", "exit codes from 0 to 255 pass unchanged", exit_codes),
    case("B53b", "death by signal n is 128 + n", deaths),
    case("B54a", "143 is reported as 0, when so asked", term_is_fine),
    case("B54b", "so is a range of codes", range),
    case("B55", "143 is reported as 0 after an order to stop and not without one", term_is_fine_when_told),
];

fn all_reaped(running: &Running) -> Outcome {
    let (init, main) = (running.init()?, running.main()?);
    until("the orphans to be reaped", || (children(init) == [main]).then_some(()))?;
    Ok(())
}

fn done(stage: &Stage, wish: Wish, main: &[&str]) -> Outcome {
    let mut running = stage.start(Launch::new(main).wish(wish))?;
    running.expect_line("done")?;
    all_reaped(&running)?;
    // Somebody else may have reaped them.
    expect_adopted_none()?;
    running.signal("TERM")?;
    running.expect_code(143)
}

fn together(stage: &Stage) -> Outcome {
    done(stage, Wish::default(), &["together", "200"])
}

fn orphans(stage: &Stage) -> Outcome {
    done(stage, Wish::default(), &["orphans", "50"])
}

fn unasked(stage: &Stage) -> Outcome {
    done(stage, Wish { orphans: Orphans::Unasked, ..Wish::default() }, &["orphans", "5"])
}

fn storm(stage: &Stage) -> Outcome {
    let mut running = ready(stage, Launch::new(&["storm", "1000", "0.5"]))?;
    running.signal("USR1")?;
    while running.line()? != "done" {
        running.signal("USR1")?;
    }
    all_reaped(&running)?;
    expect_adopted_none()?;
    running.signal("TERM")?;
    running.expect_code(0)
}

fn while_stopping(stage: &Stage) -> Outcome {
    let mut running = ready(stage, Launch::new(&["orphans-when-told", "20"]))?;
    running.signal("TERM")?;
    running.expect_line("done")?;
    all_reaped(&running)?;
    expect_adopted_none()?;
    running.signal("USR1")?;
    running.expect_code(0)
}

fn stop_is_no_end(stage: &Stage) -> Outcome {
    let mut running = ready(stage, Launch::new(&["stop-self", "4"]))?;
    let main = running.main()?;
    until("the stop", || is_stopped(main).then_some(()))?;
    send(main, super::signals::signal("CONT"))?;
    running.expect_line("continued")?;
    running.expect_code(4)
}

fn at_once(stage: &Stage) -> Outcome {
    (0..50).try_for_each(|_| stage.start(Launch::new(&["exit", "3"]))?.expect_code(3))
}

fn exit_codes(stage: &Stage) -> Outcome {
    (0..=255)
        .filter(|code| code % 5 == 0 || *code > 250)
        .try_for_each(|code: i32| stage.start(Launch::new(&["exit", &code.to_string()]))?.expect_code(code))
}

fn deaths(stage: &Stage) -> Outcome {
    for (name, number) in [("HUP", 1), ("INT", 2), ("KILL", 9), ("USR1", 10), ("TERM", 15)] {
        stage.start(Launch::new(&["die-by", &format!("SIG{name}")]))?.expect_code(128 + number)?;
    }
    Ok(())
}

fn term_is_fine(stage: &Stage) -> Outcome {
    let wish = Wish { exit_codes: super::adapter::ExitCodes::TermIsFine, ..Wish::default() };
    stage.start(Launch::new(&["exit", "143"]).wish(wish))?.expect_code(0)?;
    stage.start(Launch::new(&["exit", "142"]).wish(wish))?.expect_code(142)
}

fn range(stage: &Stage) -> Outcome {
    let wish = Wish { exit_codes: super::adapter::ExitCodes::Range, ..Wish::default() };
    for (code, expected) in [("127", 127), ("128", 1), ("159", 1), ("160", 160)] {
        stage.start(Launch::new(&["exit", code]).wish(wish))?.expect_code(expected)?;
    }
    Ok(())
}

fn term_is_fine_when_told(stage: &Stage) -> Outcome {
    let wish = Wish { exit_codes: super::adapter::ExitCodes::TermIsFineWhenTold, ..Wish::default() };
    stage.start(Launch::new(&["exit", "143"]).wish(wish))?.expect_code(143)?;
    let running = ready(stage, Launch::new(&["sleep"]).wish(wish))?;
    running.signal("TERM")?;
    running.expect_code(0)
}
