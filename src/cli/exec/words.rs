//! Options that take one of a few words.

use init::plan::{Continuation, ForwardTo, Quit, Subreaper, Verbosity};
use init::signals::JobControl;

/// One of the words an option takes.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what} {text:?}; expected one of {words}")]
pub(super) struct UnknownWord {
    pub what: &'static str,
    pub text: String,
    pub words: String,
}

pub(super) fn parse_forward_to(text: &str) -> Result<ForwardTo, UnknownWord> {
    let words = [
        ("child", ForwardTo::Child),
        ("group", ForwardTo::Group),
        ("group-even-quit", ForwardTo::GroupEvenQuit),
    ];
    word("receiver of signals", text, &words)
}

pub(super) fn parse_subreaper(text: &str) -> Result<Subreaper, UnknownWord> {
    word("subreaper setting", text, &[("on", Subreaper::On), ("off", Subreaper::Off)])
}

pub(super) fn parse_job_control(text: &str) -> Result<JobControl, UnknownWord> {
    word("job control setting", text, &[("on", JobControl::On), ("off", JobControl::Off)])
}

pub(super) fn parse_continuation(text: &str) -> Result<Continuation, UnknownWord> {
    word("setting for SIGCONT", text, &[("on", Continuation::On), ("off", Continuation::Off)])
}

pub(super) fn parse_quit(text: &str) -> Result<Quit, UnknownWord> {
    word("time for SIGQUIT", text, &[("at-once", Quit::AtOnce), ("once-caught", Quit::OnceCaught)])
}

pub(super) fn parse_verbosity(text: &str) -> Result<Verbosity, UnknownWord> {
    let words = [("quiet", Verbosity::Quiet), ("normal", Verbosity::Normal), ("debug", Verbosity::Debug)];
    word("verbosity", text, &words)
}

fn word<T: Copy>(what: &'static str, text: &str, words: &[(&str, T)]) -> Result<T, UnknownWord> {
    words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value).ok_or_else(|| UnknownWord {
        what,
        text: text.to_owned(),
        words: words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", "),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        assert_eq!(parse_forward_to("group"), Ok(ForwardTo::Group));
        assert_eq!(
            parse_verbosity("loud").unwrap_err().to_string(),
            "unknown verbosity \"loud\"; expected one of quiet, normal, debug"
        );
    }
}
