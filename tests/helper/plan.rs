//! Init as the library offers it, entered by executing this program again.

use init::Beginning;
use init::plan::{Child, GRACE_DEFAULT_MS, Options, Plan};

pub fn run(verb: &str, arguments: &[&str], beginning: Beginning) -> u8 {
    match (verb, arguments) {
        ("init", ["--plan-fd", number]) => init::run(number.parse().expect("a number"), beginning),
        (_, command) => enter(command),
    }
}

fn enter(command: &[&str]) -> u8 {
    let inherited = init::block_signals();
    let argv = command.iter().map(Into::into).collect();
    let main = Child::alone("main", command[0], argv, vec![("PATH".into(), "/usr/bin:/bin".into())]);
    let plan = Plan {
        children: vec![main],
        grace_ms: GRACE_DEFAULT_MS,
        options: Options::default(),
        inherited,
        status_fd: None,
        cleanup: Vec::new(),
    };
    let Err(error) = init::enter(&plan);
    panic!("{}", base::log::chain(&error));
}
