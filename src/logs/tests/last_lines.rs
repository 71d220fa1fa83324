use crate::tail::Tail;

fn last(text: &str, lines: u64, most: u64) -> &str {
    let mut tail = Tail::new(lines, text.len() as u64);
    loop {
        match tail.next(most) {
            Err(found) => return &text[usize::try_from(found).expect("small")..],
            Ok((offset, length)) => {
                let (from, to) = (usize::try_from(offset), usize::try_from(offset + length));
                tail.handle(offset, &text.as_bytes()[from.expect("small")..to.expect("small")]);
            }
        }
    }
}

#[test]
fn lines_are_found_from_the_end_on() {
    for most in 1..20 {
        for (text, lines, expected) in [
            ("", 3, ""),
            ("a\nb\nc\n", 0, ""),
            ("a\nb\nc\n", 1, "c\n"),
            ("a\nb\nc", 1, "c"),
            ("a\nb\nc\n", 2, "b\nc\n"),
            ("a\nb\nc\n", 3, "a\nb\nc\n"),
            ("a\nb\nc\n", 9, "a\nb\nc\n"),
            ("\n\n\n", 2, "\n\n"),
            ("one line that is long", 1, "one line that is long"),
        ] {
            assert_eq!(last(text, lines, most), expected, "{text:?} {lines} {most}");
        }
    }
}
