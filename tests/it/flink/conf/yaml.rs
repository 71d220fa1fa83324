//! YAML files: maps of all that YAML has, nested, commented and broken over lines, and some with a character changed.

pub fn generate(random: &mut fastrand::Rng) -> Vec<u8> {
    let mut writer = Writer { random, out: String::new(), anchors: 0 };
    writer.document();
    let text = writer.out;
    let text = if random.u8(0..4) == 0 { mutated(&text, random) } else { text };
    let text = match random.u8(0..12) {
        0 => text.replace('\n', "\r\n"),
        1 => text.replace('\n', "\r"),
        2 => text.trim_end_matches('\n').to_owned(),
        _ => text,
    };
    match random.u8(0..24) {
        0 => [&b"\xef\xbb\xbf"[..], text.as_bytes()].concat(),
        1 => [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect(),
        2 => [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_be_bytes).collect(),
        3 if random.u8(0..4) == 0 => [text.as_bytes(), b" # \xe9"].concat(),
        _ => text.into_bytes(),
    }
}

const KEYS: [&str; 18] = [
    "a",
    "b",
    "c.d",
    "e",
    "rest.port",
    "k-1",
    "\"q\"",
    "'s'",
    "\"\"",
    "a b",
    "x:y",
    "é",
    "<<",
    "-x",
    "?k",
    "null",
    "1",
    "true",
];
const PLAIN: [&str; 70] = [
    "x",
    "v w",
    "010",
    "0x1F",
    "0o17",
    "0o18",
    "+5",
    "-0",
    "1_000",
    "1.50",
    "1e3",
    "1.",
    ".5",
    "-.5",
    "1e400",
    ".inf",
    "-.INF",
    "+.inf",
    ".NaN",
    "true",
    "True",
    "yes",
    "~",
    "null",
    "Null",
    "nULL",
    "2024-01-01",
    "10m",
    "10 s",
    "http://h:80/p",
    "a:b",
    "a#b",
    "a # c",
    "a;b",
    "-x",
    "--",
    "---",
    " ---",
    "- y",
    "- ?",
    "?",
    "? z",
    ":",
    ":x",
    "-",
    "*",
    "*x",
    "&x",
    "!",
    "@v",
    "`v",
    "%v",
    "|",
    ">",
    "\"q\"#c",
    "'q'#c",
    "[p]#c",
    "{p: 1}#c",
    "'it''s'",
    "\"a\\tb\\u00e9\\x41\\\\\"",
    "\"\\ud83d\\ude00\"",
    "\"a\n  b\"",
    "'a\n\n   b'",
    "a\n  b",
    "a\n\n  b",
    "\tx",
    "x\ty",
    "é😀",
    "\u{85}",
    "<<",
];
const TAGS: [&str; 14] = [
    "!!str",
    "!!int",
    "!!float",
    "!!bool",
    "!!null",
    "!!seq",
    "!!map",
    "!!set",
    "!!binary",
    "!",
    "!x",
    "!!omap",
    "!<tag:yaml.org,2002:str>",
    "!ENV_VARIABLE",
];
const TAGGED: [(&str, &str); 20] = [
    ("!!str", "1"),
    ("!!str", ""),
    ("!!int", "\"7\""),
    ("!!int", "-0x1f"),
    ("!!int", "x"),
    ("!!float", ".inf"),
    ("!!float", "1"),
    ("!!float", "\"0x1p3\""),
    ("!!float", "1f"),
    ("!!bool", "\"TRUE\""),
    ("!!bool", "yes"),
    ("!!binary", "aGVsbG8="),
    ("!!binary", "aGVsbG8"),
    ("!!binary", "\"\""),
    ("!!binary", "a"),
    ("!!set", "{x, y}"),
    ("!!set", "{}"),
    ("!!set", "{x: 1, 2}"),
    ("!", "5"),
    ("!!seq", "[a]"),
];
const HEADERS: [&str; 10] = ["|", ">", "|-", ">-", "|+", ">+", "|2", ">1-", "| # c", "|-2"];
const ENDS: [&str; 8] = ["", "", "", "", " # c", "#c", "  ", "\t"];

struct Writer<'a> {
    random: &'a mut fastrand::Rng,
    out: String,
    anchors: u32,
}

impl Writer<'_> {
    fn document(&mut self) {
        if self.one_in(20) {
            self.push_one(&[
                "%YAML 1.2\n---\n",
                "%TAG ! tag:yaml.org,2002:\n---\n",
                "---\n",
                "--- # c\n",
                "%X y\n---\n",
                "...\n",
            ]);
        }
        let count = self.random.usize(0..6);
        self.map(0, count);
        if self.one_in(20) {
            self.push_one(&["...\n", "--- \n", "# end", " ", "\t\n", "---\nb: 1\n"]);
        }
    }

    fn map(&mut self, indent: usize, count: usize) {
        for _ in 0..count {
            if self.one_in(12) {
                self.out.push_str("# comment\n");
            }
            self.indent(indent);
            let key = *self.random.choice(KEYS.iter()).expect("some");
            if self.one_in(25) {
                self.out.push_str("? ");
                self.out.push_str(key);
                self.out.push('\n');
                self.indent(indent);
            } else {
                self.out.push_str(key);
            }
            self.out.push(':');
            self.value(indent);
        }
    }

    /// Behind a colon or a dash, to the end of the line.
    fn value(&mut self, indent: usize) {
        if self.one_in(14) {
            self.anchors += 1;
            let anchor = self.anchors;
            self.out.push_str(&format!(" &n{anchor}"));
        }
        match self.random.u8(0..20) {
            0..9 => {
                self.out.push(' ');
                self.push_one(&PLAIN);
                self.end();
            }
            9 | 10 => {
                self.out.push(' ');
                self.flow(0);
                self.end();
            }
            11 => self.tagged(),
            12 | 13 => self.block_scalar(indent),
            14 | 15 if indent < 8 => {
                self.end();
                let deeper = indent + self.random.usize(1..3);
                let count = self.random.usize(1..4);
                self.map(deeper, count);
            }
            16 | 17 if indent < 8 => self.list(indent),
            18 if self.anchors > 0 => {
                let anchor = self.random.u32(1..=self.anchors + 1);
                self.out.push_str(&format!(" *n{anchor}"));
                self.end();
            }
            _ => {
                self.out.push_str(" v");
                self.end();
            }
        }
    }

    fn tagged(&mut self) {
        let (tag, value) = match self.one_in(3) {
            true => (
                *self.random.choice(TAGS.iter()).expect("some"),
                *self.random.choice(PLAIN.iter()).expect("some"),
            ),
            false => *self.random.choice(TAGGED.iter()).expect("some"),
        };
        self.out.push_str(&format!(" {tag} {value}"));
        self.end();
    }

    fn list(&mut self, indent: usize) {
        self.end();
        let indent = indent + self.random.usize(0..3);
        for _ in 0..self.random.usize(1..4) {
            self.indent(indent);
            self.out.push('-');
            match self.random.u8(0..8) {
                0 => {
                    self.out.push_str(" k: 1\n");
                    if self.random.bool() {
                        self.indent(indent + 2);
                        self.out.push_str("l: [2]\n");
                    }
                }
                1 => {
                    self.out.push_str(" - in\n");
                    self.indent(indent + 2);
                    self.out.push_str("- ner\n");
                }
                2 => self.end(),
                _ => self.value(indent),
            }
        }
    }

    fn block_scalar(&mut self, indent: usize) {
        self.out.push(' ');
        self.push_one(&HEADERS);
        self.out.push('\n');
        let indent = indent + self.random.usize(1..3);
        for _ in 0..self.random.usize(0..4) {
            self.indent(indent);
            self.push_one(&["text", "more # no comment", "  deeper", "", "\ttab", "a: b", "- x", "#"]);
            self.out.push('\n');
        }
    }

    fn flow(&mut self, depth: usize) {
        let (open, close) = if self.random.bool() { ('[', ']') } else { ('{', '}') };
        self.out.push(open);
        let count = self.random.usize(0..4);
        for item in 0..count {
            if open == '{' || self.one_in(8) {
                self.push_one(&["k", "l: ", "\"m\":", "n: ", "? o : ", "p :", "'q': "]);
                let number = self.random.u8(0..9);
                self.out.push_str(&format!("{number}"));
            } else if depth < 3 && self.one_in(6) {
                self.flow(depth + 1);
            } else {
                self.push_one(&[
                    "x",
                    "1",
                    "1.50",
                    "a b",
                    "'s, t'",
                    "\"d\"",
                    "",
                    "~",
                    "c:d",
                    "u: v",
                    "-1",
                    "- z",
                    "#h",
                    "!!str 1",
                    "\"e\"#c\n",
                    "0x1p3",
                    "a?b",
                    "[w]",
                ]);
            }
            if item + 1 < count || self.one_in(6) {
                self.push_one(&[", ", ",", " ,", ",\n   ", ", # c\n  ", ",\n"]);
            }
        }
        if self.one_in(8) {
            self.push_one(&[" ", "\n  ", "\n", " # c\n "]);
        }
        self.out.push(close);
    }

    fn end(&mut self) {
        self.push_one(&ENDS);
        self.out.push('\n');
        if self.one_in(15) {
            self.out.push('\n');
        }
    }

    fn indent(&mut self, indent: usize) {
        // Now and then it is not that of the others.
        let indent = if self.one_in(40) { indent + 1 } else { indent };
        self.out.push_str(&" ".repeat(indent));
    }

    fn push_one(&mut self, texts: &[&str]) {
        self.out.push_str(self.random.choice(texts.iter()).expect("some"));
    }

    fn one_in(&mut self, count: u32) -> bool {
        self.random.u32(0..count) == 0
    }
}

/// With one or two characters put in, taken out or put in place of others.
fn mutated(text: &str, random: &mut fastrand::Rng) -> String {
    const CHARACTERS: &str = "\n\n  \t-?:,[]{}#&*!|>'\"%@`~.0x1eaz\\\r\u{85}\u{a0}\u{feff}\u{7f}\u{1}";
    let mut text: Vec<char> = text.chars().collect();
    for _ in 0..random.usize(1..3) {
        let at = random.usize(0..=text.len());
        let c = random.choice(CHARACTERS.chars().collect::<Vec<_>>()).expect("some");
        match random.u8(0..3) {
            0 if at < text.len() => _ = text.remove(at),
            1 if at < text.len() => text[at] = c,
            _ => text.insert(at, c),
        }
    }
    text.into_iter().collect()
}
