//! What has to be typed so that each program does the same.

use init::signals::Signal;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    Ours,
    Tini,
    DumbInit,
    Catatonit,
}

impl Program {
    pub fn from_name(name: &str) -> Self {
        match name {
            "ours" => Self::Ours,
            "tini" => Self::Tini,
            "dumb-init" => Self::DumbInit,
            "catatonit" => Self::Catatonit,
            name => panic!("unknown program {name}"),
        }
    }
}

/// What a case wants of init, besides the defaults.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wish {
    pub to: Receiver,
    /// FROM, TO; nothing in place of TO drops the signal.
    pub rewrites: &'static [(&'static str, Option<&'static str>)],
    /// A further signal that stops the program by SIGTERM.
    pub stop_on: Option<&'static str>,
    pub exit_codes: ExitCodes,
    pub orphans: Orphans,
    pub grace: Option<&'static str>,
    pub parent_death_signal: Option<&'static str>,
    pub words: Words,
    pub job_control: bool,
    pub reason_file: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Receiver {
    /// What the program does unasked.
    #[default]
    Usual,
    Child,
    Group,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExitCodes {
    #[default]
    AsTheyAre,
    /// 143 is reported as 0.
    TermIsFine,
    /// The same, but only after an order to stop.
    TermIsFineWhenTold,
    /// 128 to 159 are reported as 1.
    Range,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Orphans {
    /// By option where there is one.
    #[default]
    Adopt,
    /// What the program does unasked.
    Unasked,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Words {
    #[default]
    Usual,
    All,
}

/// What is typed before the command.
#[derive(Clone, Debug, Default)]
pub struct Typed {
    pub words: Vec<String>,
    pub env: Vec<(String, String)>,
}

impl From<Vec<String>> for Typed {
    fn from(words: Vec<String>) -> Self {
        Self { words, env: Vec::new() }
    }
}

impl Wish {
    /// `None` when the program has no such option.
    pub fn typed(&self, program: Program) -> Option<Typed> {
        match program {
            Program::Ours => Some(self.ours().into()),
            Program::Tini => self.tini().map(Typed::from),
            Program::DumbInit => self.dumb_init().map(Typed::from),
            Program::Catatonit => self.catatonit(),
        }
    }

    fn ours(&self) -> Vec<String> {
        let mut words: Vec<String> = vec!["exec".into()];
        let mut add = |option: &str, value: &str| words.extend([option.to_owned(), value.to_owned()]);
        if self.to == Receiver::Group {
            add("--forward-to", "group");
        }
        for (from, to) in self.rewrites {
            add("--rewrite", &format!("{from}={}", to.unwrap_or("drop")));
        }
        if let Some(signal) = self.stop_on {
            add("--stop-on", signal);
        }
        match self.exit_codes {
            ExitCodes::AsTheyAre => {}
            ExitCodes::TermIsFine => add("--remap", "143=0"),
            ExitCodes::TermIsFineWhenTold => add("--remap", "stop:143=0"),
            ExitCodes::Range => add("--remap", "128-159=1"),
        }
        if let Some(grace) = self.grace {
            add("--grace", grace);
        }
        if let Some(signal) = self.parent_death_signal {
            add("--parent-death-signal", signal);
        }
        if self.words == Words::All {
            add("--verbosity", "debug");
        }
        if self.job_control {
            add("--job-control", "on");
        }
        if self.reason_file {
            add("--reason-file", "/dev/stdout");
        }
        words
    }

    fn has_what_only_we_have(&self) -> bool {
        self.grace.is_some()
            || self.reason_file
            || matches!(self.exit_codes, ExitCodes::TermIsFineWhenTold | ExitCodes::Range)
    }

    fn tini(&self) -> Option<Vec<String>> {
        if self.has_what_only_we_have()
            || self.job_control
            || self.stop_on.is_some()
            || !self.rewrites.is_empty()
        {
            return None;
        }
        let mut words: Vec<String> = Vec::new();
        if self.to == Receiver::Group {
            words.push("-g".into());
        }
        if self.orphans == Orphans::Adopt {
            words.push("-s".into());
        }
        if self.exit_codes == ExitCodes::TermIsFine {
            words.extend(["-e".into(), "143".into()]);
        }
        if let Some(signal) = self.parent_death_signal {
            words.extend(["-p".into(), format!("SIG{signal}")]);
        }
        if self.words == Words::All {
            words.push("-vvv".into());
        }
        Some(words)
    }

    fn dumb_init(&self) -> Option<Vec<String>> {
        if self.has_what_only_we_have()
            || self.exit_codes != ExitCodes::AsTheyAre
            || self.parent_death_signal.is_some()
        {
            return None;
        }
        let mut words: Vec<String> = Vec::new();
        if self.to == Receiver::Child {
            words.push("--single-child".into());
        }
        let stop = self.stop_on.map(|signal| (signal, Some("TERM")));
        for (from, to) in self.rewrites.iter().copied().chain(stop) {
            words.extend(["--rewrite".into(), format!("{}:{}", number(from), to.map_or(0, number))]);
        }
        if self.words == Words::All {
            words.push("--verbose".into());
        }
        Some(words)
    }

    fn catatonit(&self) -> Option<Typed> {
        if self.has_what_only_we_have()
            || self.exit_codes != ExitCodes::AsTheyAre
            || self.job_control
            || self.parent_death_signal.is_some()
            || self.stop_on.is_some()
            || !self.rewrites.is_empty()
        {
            return None;
        }
        let words = if self.to == Receiver::Group { vec!["-g".into()] } else { Vec::new() };
        let env = match self.words {
            Words::Usual => Vec::new(),
            Words::All => vec![("CATATONIT_DEBUG".into(), "1".into())],
        };
        Some(Typed { words, env })
    }
}

fn number(name: &str) -> i32 {
    name.parse::<Signal>().expect("a signal").number()
}
