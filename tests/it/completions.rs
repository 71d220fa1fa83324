//! Command lines that shells complete when somebody presses the tab key in a terminal.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::pty::openpty;

use crate::cluster::harness::binary;
use crate::skips::{Missing, skip};

const PROMPT: &str = "ready> ";

/// A shell starts within a second; a busy machine takes longer.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// What is typed, a tab at its end, and what the command then gets.
const LINES: [(&str, &str); 4] = [
    ("flink-on-mesos ses", "session"),
    ("flink-on-mesos session cre", "session create"),
    ("flink-on-mesos get --out", "get --output"),
    ("flink-on-mesos apply --if-r", "apply --if-revision"),
];

#[test]
fn bash_completes_commands_and_options() {
    let terminal = Terminal::start(&["bash", "--norc", "--noprofile", "-i"], |script| {
        format!("source {}", script.display())
    });
    complete_all(terminal, "bash");
}

#[test]
fn zsh_completes_commands_and_options() {
    if Command::new("zsh").arg("--version").output().is_err() {
        return skip(Missing::OfPreparation, "there is no zsh");
    }
    let terminal = Terminal::start(&["zsh", "-f", "-o", "no_prompt_sp", "-i"], |script| {
        let directory = script.parent().expect("a directory").display();
        format!("fpath=({directory} $fpath); autoload -U compinit; compinit -u -D")
    });
    complete_all(terminal, "zsh");
}

/// Commands of the program itself are not offered.
#[test]
fn what_is_hidden_is_not_completed() {
    for shell in ["bash", "zsh"] {
        let script = script(shell);
        assert!(script.contains("restart-taskmanager"), "{script}");
        for hidden in [",dispatch)", "(dispatch)", ",claim)", "(claim)", "plan-fd"] {
            assert!(!script.contains(hidden), "{shell}: {hidden}");
        }
    }
    let output = Command::new(binary()).args(["completions", "fish"]).output().expect("it starts");
    assert_eq!(output.status.code(), Some(64));
    assert!(String::from_utf8_lossy(&output.stderr).contains("bash, zsh"), "{output:?}");
}

fn script(shell: &str) -> String {
    let output = Command::new(binary()).args(["completions", shell]).output().expect("it starts");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn complete_all(mut terminal: Terminal, shell: &str) {
    for (typed, expected) in LINES {
        terminal.send(&format!("{typed}\t\n"));
        // What the command prints, whose name stands here for `echo`.
        terminal.until(&format!("\n{expected}"), &format!("{shell} completes {typed}"));
        terminal.until(PROMPT, "the command has ended");
    }
}

/// An interactive shell with a terminal of its own.
struct Terminal {
    shell: Child,
    input: File,
    /// What the shell has written since it was looked at last.
    output: Arc<Mutex<String>>,
    _home: tempfile::TempDir,
}

impl Terminal {
    /// `load` makes of the script's path the line that has the shell use it.
    fn start(command: &[&str], load: impl FnOnce(&Path) -> String) -> Self {
        let home = tempfile::tempdir().expect("a directory");
        let script = home.path().join("_flink-on-mesos");
        fs::write(&script, self::script(command[0])).expect("written");
        symlink("/bin/echo", home.path().join("flink-on-mesos")).expect("a link");
        let pair = openpty(None, None).expect("a terminal");
        let end = || File::from(pair.slave.try_clone().expect("a second descriptor"));
        let shell = Command::new("setsid")
            .args(["--ctty", "--wait"])
            .args(command)
            .current_dir(home.path())
            .env_clear()
            .env("PATH", format!("{}:/usr/bin:/bin", home.path().display()))
            .env("HOME", home.path())
            // Without colours and moves of the cursor.
            .env("TERM", "dumb")
            .env("PS1", PROMPT)
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .expect("it starts");
        drop(pair.slave);
        let output = Arc::new(Mutex::new(String::new()));
        let input = File::from(pair.master);
        let (mut reader, kept) = (input.try_clone().expect("a second descriptor"), Arc::clone(&output));
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            // An error tells that the shell has ended.
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                let text = String::from_utf8_lossy(&buffer[..count]).replace('\r', "");
                kept.lock().unwrap_or_else(PoisonError::into_inner).push_str(&text);
            }
        });
        let mut terminal = Self { shell, input, output, _home: home };
        terminal.until(PROMPT, "the shell is ready");
        terminal.send(&format!("{}\n", load(&script)));
        terminal.until(PROMPT, "the script is read");
        terminal
    }

    fn send(&mut self, text: &str) {
        self.input.write_all(text.as_bytes()).expect("the shell reads");
    }

    /// What comes up to there is forgotten.
    fn until(&self, text: &str, what: &str) {
        let begin = Instant::now();
        loop {
            {
                let mut output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(place) = output.find(text) {
                    output.drain(..place + text.len());
                    return;
                }
                assert!(begin.elapsed() < PATIENCE, "waited too long until {what}: {output:?}");
            }
            std::thread::sleep(POLL_INTERVAL);
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ended_already = self.shell.kill();
        let _nothing_to_do = self.shell.wait();
    }
}
