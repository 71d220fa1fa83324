//! Reads the file of logins that Java is given by `java.security.auth.login.config`.

use std::collections::BTreeMap;

/// One way to log in: a class of Java and its options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Module {
    pub class: String,
    pub options: BTreeMap<String, String>,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum JaasError {
    #[error("line {line}: {expected} expected")]
    Syntax { line: usize, expected: &'static str },
}

/// The modules of the section `name`, in their order; none if there is no such section.
///
/// ```text
/// Client {
///     org.apache.zookeeper.server.auth.DigestLoginModule required username="flink" password="secret";
/// };
/// ```
pub fn section(text: &str, name: &str) -> Result<Option<Vec<Module>>, JaasError> {
    let mut words = Words { rest: text, line: 1 };
    let mut found = None;
    while let Some(section) = words.next()? {
        words.expect("{")?;
        let modules = modules(&mut words)?;
        words.expect(";")?;
        if section == name {
            found.get_or_insert(modules);
        }
    }
    Ok(found)
}

fn modules(words: &mut Words<'_>) -> Result<Vec<Module>, JaasError> {
    let mut modules = Vec::new();
    loop {
        let class = words.some("a module or `}`")?;
        if class == "}" {
            return Ok(modules);
        }
        // `required` and the like: which of several modules must succeed.
        words.some("`required`")?;
        let mut options = BTreeMap::new();
        loop {
            let key = words.some("an option or `;`")?;
            if key == ";" {
                break;
            }
            words.expect("=")?;
            options.insert(key, words.some("a value")?);
        }
        modules.push(Module { class, options });
    }
}

struct Words<'a> {
    rest: &'a str,
    line: usize,
}

impl Words<'_> {
    fn some(&mut self, expected: &'static str) -> Result<String, JaasError> {
        self.next()?.ok_or(JaasError::Syntax { line: self.line, expected })
    }

    fn expect(&mut self, sign: &'static str) -> Result<(), JaasError> {
        match self.next()? {
            Some(word) if word == sign => Ok(()),
            Some(_) | None => Err(JaasError::Syntax { line: self.line, expected: sign }),
        }
    }

    /// A sign, a word, or a text in quotes without them.
    fn next(&mut self) -> Result<Option<String>, JaasError> {
        self.skip_blank()?;
        let Some(first) = self.rest.chars().next() else { return Ok(None) };
        if let '"' | '\'' = first {
            return self.quoted(first).map(Some);
        }
        let is_sign = |found: char| matches!(found, '{' | '}' | ';' | '=');
        let length = if is_sign(first) {
            1
        } else {
            let ends = |found: char| found.is_whitespace() || is_sign(found) || matches!(found, '"' | '\'');
            self.rest.find(ends).unwrap_or(self.rest.len())
        };
        let (word, rest) = self.rest.split_at(length);
        self.rest = rest;
        Ok(Some(word.to_owned()))
    }

    fn quoted(&mut self, quote: char) -> Result<String, JaasError> {
        let mut text = String::new();
        let mut signs = self.rest.char_indices().skip(1);
        while let Some((at, sign)) = signs.next() {
            match sign {
                '\\' => text.extend(signs.next().map(|(_, escaped)| escaped)),
                '\n' => break,
                _ if sign == quote => {
                    self.rest = &self.rest[at + 1..];
                    return Ok(text);
                }
                _ => text.push(sign),
            }
        }
        Err(JaasError::Syntax { line: self.line, expected: "the end of a quoted text" })
    }

    /// White space and comments, as Java has them.
    fn skip_blank(&mut self) -> Result<(), JaasError> {
        loop {
            let trimmed = self.rest.trim_start();
            let end = if trimmed.starts_with("//") || trimmed.starts_with('#') {
                trimmed.find('\n').unwrap_or(trimmed.len())
            } else if trimmed.starts_with("/*") {
                let end = trimmed.find("*/").map(|end| end + 2);
                end.ok_or(JaasError::Syntax { line: self.line, expected: "`*/`" })?
            } else {
                0
            };
            let left = &trimmed[end..];
            self.line += self.rest[..self.rest.len() - left.len()].matches('\n').count();
            self.rest = left;
            if end == 0 {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"// of the servers
Server {
    org.apache.zookeeper.server.auth.DigestLoginModule required user_flink='secret';
};
/* of
   clients */
Client {
    a.Krb5LoginModule sufficient useKeyTab=true keyTab="/etc/a;b.keytab" ;
    # second
    b.DigestLoginModule required username = "flink" password="a \"b\" = c";
};
Empty { };
"#;

    #[test]
    fn a_section_is_found_among_others() {
        let modules = section(FILE, "Client").expect("readable").expect("there");
        let told: Vec<_> = modules
            .iter()
            .map(|module| {
                let options = module.options.iter().map(|(key, value)| format!("{key}={value}"));
                format!("{}: {}", module.class, options.collect::<Vec<_>>().join(", "))
            })
            .collect();
        let expected = [
            "a.Krb5LoginModule: keyTab=/etc/a;b.keytab, useKeyTab=true",
            r#"b.DigestLoginModule: password=a "b" = c, username=flink"#,
        ];
        assert_eq!(told, expected);
        assert_eq!(section(FILE, "Empty"), Ok(Some(Vec::new())));
        assert_eq!(section(FILE, "KafkaClient"), Ok(None));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let cases = [
            ("Client {\n a.B required x=y;\n}", "line 3: ; expected"),
            ("Client {\n a.B required x y;\n};", "line 2: = expected"),
            ("Client {\n a.B required x=\"y;\n};", "line 2: the end of a quoted text expected"),
            ("/* Client", "line 1: `*/` expected"),
            ("Client\n", "line 2: { expected"),
            ("Client { a.B required", "line 1: an option or `;` expected"),
        ];
        for (text, expected) in cases {
            assert_eq!(section(text, "Client").expect_err(text).to_string(), expected, "{text}");
        }
    }
}
