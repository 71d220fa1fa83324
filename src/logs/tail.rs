//! Where the last lines of a file begin.

/// Looks at a file from its end on.
#[derive(Debug)]
pub struct Tail {
    /// Lines that are still to be found.
    lines: u64,
    /// Where what was looked at begins.
    from: u64,
    /// Whether anything was looked at: the newline of the last line begins none.
    has_begun: bool,
    found: Option<u64>,
}

impl Tail {
    pub fn new(lines: u64, size: u64) -> Self {
        let found = (lines == 0 || size == 0).then_some(size);
        Self { lines, from: size, has_begun: false, found }
    }

    /// The part to look at next, as offset and length, or where the lines begin.
    pub fn next(&self, most: u64) -> Result<(u64, u64), u64> {
        match self.found {
            Some(found) => Err(found),
            None => {
                let length = self.from.min(most);
                Ok((self.from - length, length))
            }
        }
    }

    /// What was read of that part; less where the file has become shorter.
    pub fn handle(&mut self, offset: u64, data: &[u8]) {
        for (index, byte) in data.iter().enumerate().rev() {
            let is_last = !std::mem::replace(&mut self.has_begun, true);
            if *byte != b'\n' || is_last {
                continue;
            }
            self.lines -= 1;
            if self.lines == 0 {
                self.found = Some(offset + index as u64 + 1);
                return;
            }
        }
        self.from = offset;
        if offset == 0 {
            self.found = Some(0);
        }
    }
}
