//! Files of the old grammar: mostly `key: value`, with all that separates and all that does not.

const KEYS: [&str; 8] = ["a", "b.c", "rest.port", "c ", "key with blanks", "é", "-", "\u{a0}x"];
const SEPARATORS: [&str; 8] = [": ", ": ", ": ", ": ", ":", ":\t", " : ", "="];
const VALUES: [&str; 16] = [
    "v",
    "1",
    "010",
    "1.50",
    "a  b",
    "\"q\"",
    "'q'",
    "[a, b]",
    "k:v,l:w",
    "x # y",
    "x#y",
    "http://h:80/p",
    "a: b: c",
    "",
    "\u{2028}z\u{85}",
    "é😀",
];
const LINES: [&str; 8] = ["", "   ", "---", "- x", "# a: 1", "\t# b", ": x", "nothing"];
const BREAKS: [&str; 4] = ["\n", "\n", "\r\n", "\r"];
const BLANKS: [&str; 6] = ["", "", "", " ", "\t", "\u{1}"];

pub fn generate(random: &mut fastrand::Rng) -> Vec<u8> {
    let mut bytes = Vec::new();
    if random.u8(0..20) == 0 {
        bytes.extend_from_slice("\u{feff}".as_bytes());
    }
    let line_break = random.choice(BREAKS).expect("some");
    for _ in 0..random.usize(0..8) {
        let mut line = String::new();
        let parts: &[&[&str]] = match random.u8(0..5) {
            0 => &[&BLANKS, &LINES],
            _ => &[&BLANKS, &KEYS, &SEPARATORS, &BLANKS, &VALUES, &BLANKS],
        };
        for part in parts {
            line.push_str(random.choice(part.iter()).expect("some"));
        }
        bytes.extend_from_slice(line.as_bytes());
        // As an old editor wrote it.
        if random.u8(0..12) == 0 {
            bytes.extend_from_slice(
                random.choice([&b"\xe9"[..], b"caf\xe9 ", b"\xc3", b"\xff"]).expect("some"),
            );
        }
        bytes.extend_from_slice(line_break.as_bytes());
    }
    if random.bool() {
        bytes.truncate(bytes.len().saturating_sub(line_break.len()));
    }
    bytes
}
