//! What the rules look at: the names, functions and keywords in a Rust file, without comments and strings.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A file of this repository; `path` is relative to its root.
pub struct Source {
    pub path: String,
    pub text: String,
}

/// What a Rust file says, with the line of each.
#[derive(Default)]
pub struct Code {
    pub names: Vec<Name>,
    pub functions: Vec<Function>,
    pub macros: Vec<Name>,
    pub unsafe_lines: Vec<usize>,
    pub ignore_lines: Vec<usize>,
    /// First line of the tests that stand at the end of a file, or the line after the last.
    pub tests_line: usize,
}

/// A path such as `std::fs::read`, `use` trees taken apart, `self`, `super` and the crate's own name resolved to
/// `crate`.
pub struct Name {
    pub segments: Vec<String>,
    pub line: usize,
    pub in_test: bool,
}

pub struct Function {
    pub name: String,
    pub first_line: usize,
    pub last_line: usize,
}

impl Source {
    pub fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Everything in it is test code.
    pub fn is_test(&self) -> bool {
        self.path.starts_with("tests/") || self.path.ends_with("/tests.rs")
    }

    pub fn code(&self) -> Code {
        let tokens: TokenStream =
            self.text.parse().unwrap_or_else(|error| panic!("{}: not Rust: {error}", self.path));
        let mut code = Code { tests_line: self.text.lines().count() + 1, ..Code::default() };
        let scope = Scope { module: self.module(), in_test: self.is_test() };
        walk(tokens, &scope, &mut code);
        code
    }

    /// Below `src` each folder with a manifest is a crate, and the rest is one.
    fn module(&self) -> Vec<String> {
        let below_src = self.path.strip_prefix("src/").unwrap_or(&self.path);
        let below = match below_src.split_once('/') {
            Some(("role" | "cli", _)) | None => below_src,
            Some((_, below)) => below,
        };
        let below = below.strip_suffix(".rs").unwrap_or(below);
        let parts = below.split('/').filter(|part| !matches!(*part, "lib" | "main"));
        ["crate"].into_iter().chain(parts).map(str::to_owned).collect()
    }
}

#[derive(Clone)]
struct Scope {
    module: Vec<String>,
    in_test: bool,
}

impl Scope {
    fn inner(&self, module: &str, in_test: bool) -> Self {
        let module = self.module.iter().cloned().chain([module.to_owned()]).collect();
        Self { module, in_test: self.in_test || in_test }
    }

    fn name(&self, segments: &[String], line: usize, in_test: bool) -> Name {
        let mut resolved: Vec<String> = Vec::new();
        for segment in segments {
            match segment.as_str() {
                "flink_on_mesos" if resolved.is_empty() => resolved.push("crate".to_owned()),
                "self" if resolved.is_empty() => resolved.clone_from(&self.module),
                "super" => {
                    if resolved.is_empty() {
                        resolved.clone_from(&self.module);
                    }
                    resolved.pop();
                }
                _ => resolved.push(segment.clone()),
            }
        }
        Name { segments: resolved, line, in_test: self.in_test || in_test }
    }
}

fn walk(tokens: TokenStream, scope: &Scope, code: &mut Code) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut scope = scope.clone();
    // An attribute says that the item behind it is for tests.
    let mut test_item = false;
    let mut at = 0;
    while at < tokens.len() {
        match &tokens[at] {
            TokenTree::Punct(punct) if punct.as_char() == '#' => {
                let inner = is_punct(tokens.get(at + 1), '!');
                if let Some(attribute) = group(tokens.get(at + 1 + usize::from(inner)), Delimiter::Bracket) {
                    if is_test_attribute(&attribute) {
                        test_item = true;
                        scope.in_test |= inner;
                    }
                    if first_word(&attribute).is_some_and(|word| word == "ignore") {
                        code.ignore_lines.push(line_of(&tokens[at]));
                    }
                }
                at += 1;
            }
            TokenTree::Punct(punct) => {
                test_item &= punct.as_char() != ';';
                at += 1;
            }
            TokenTree::Group(inner) => {
                let braces = inner.delimiter() == Delimiter::Brace;
                let in_test = scope.in_test || test_item;
                walk(inner.stream(), &Scope { in_test, ..scope.clone() }, code);
                test_item &= !braces;
                at += 1;
            }
            TokenTree::Ident(_) => {
                at = word(&tokens, at, &scope, test_item, code);
                test_item &= !group_ends(&tokens, at);
            }
            TokenTree::Literal(_) => at += 1,
        }
    }
}

/// A keyword or a path at `at`; the index behind it.
fn word(tokens: &[TokenTree], at: usize, scope: &Scope, in_test: bool, code: &mut Code) -> usize {
    let line = line_of(&tokens[at]);
    let next = tokens.get(at + 1);
    match (tokens[at].to_string().as_str(), next) {
        ("unsafe", _) => code.unsafe_lines.push(line),
        ("fn", Some(TokenTree::Ident(name))) => {
            if let Some(last_line) = body_end(&tokens[at..]) {
                code.functions.push(Function { name: name.to_string(), first_line: line, last_line });
            }
        }
        ("mod", Some(TokenTree::Ident(name))) => {
            let name = name.to_string();
            if let Some(body) = group(tokens.get(at + 2), Delimiter::Brace) {
                let in_test = in_test || name == "tests";
                if in_test && !scope.in_test {
                    code.tests_line = code.tests_line.min(line);
                }
                walk(body, &scope.inner(&name, in_test), code);
                return at + 3;
            }
        }
        // Not the `use<..>` of a captured lifetime.
        ("use", next) if !is_punct(next, '<') => return tree(tokens, at + 1, &[], scope, in_test, code),
        _ => return path(tokens, at, scope, in_test, code),
    }
    at + 1
}

/// `a::b::c`, maybe a macro; the index behind it. A path of one word is not a name worth a rule.
fn path(tokens: &[TokenTree], start: usize, scope: &Scope, in_test: bool, code: &mut Code) -> usize {
    let mut segments = vec![tokens[start].to_string()];
    let mut at = start + 1;
    while is_colons(tokens, at) {
        let Some(TokenTree::Ident(segment)) = tokens.get(at + 2) else { break };
        segments.push(segment.to_string());
        at += 3;
    }
    let name = scope.name(&segments, line_of(&tokens[start]), in_test);
    if is_punct(tokens.get(at), '!') && group_follows(tokens, at + 1) {
        code.macros.push(scope.name(&segments, name.line, in_test));
    }
    if segments.len() > 1 {
        code.names.push(name);
    }
    at
}

/// One branch of a `use` declaration behind `prefix`; the index behind it.
fn tree(
    tokens: &[TokenTree],
    start: usize,
    prefix: &[String],
    scope: &Scope,
    in_test: bool,
    code: &mut Code,
) -> usize {
    let mut segments = prefix.to_vec();
    let mut at = start;
    while let Some(token) = tokens.get(at) {
        match token {
            TokenTree::Ident(word) if word == "as" => at += 1,
            TokenTree::Ident(word) if word == "self" && !segments.is_empty() => {}
            TokenTree::Ident(word) => segments.push(word.to_string()),
            TokenTree::Punct(punct) if matches!(punct.as_char(), ';' | ',') => break,
            TokenTree::Punct(punct) if punct.as_char() == '*' => segments.push("*".to_owned()),
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            TokenTree::Group(branches) => {
                let branches: Vec<TokenTree> = branches.stream().into_iter().collect();
                let mut branch = 0;
                while branch < branches.len() {
                    branch = tree(&branches, branch, &segments, scope, in_test, code) + 1;
                }
                return at + 1;
            }
        }
        at += 1;
    }
    if segments.len() > prefix.len() || !prefix.is_empty() {
        let line = line_of(&tokens[start.min(tokens.len() - 1)]);
        code.names.push(scope.name(&segments, line, in_test));
    }
    at
}

fn body_end(tokens: &[TokenTree]) -> Option<usize> {
    tokens.iter().take_while(|token| !is_punct(Some(token), ';')).find_map(|token| match token {
        TokenTree::Group(body) if body.delimiter() == Delimiter::Brace => Some(body.span_close().end().line),
        _ => None,
    })
}

fn is_test_attribute(attribute: &TokenStream) -> bool {
    let text = attribute.to_string().replace(' ', "");
    text == "test"
        || text.ends_with("::test")
        || (text.starts_with("cfg(") && text.contains("test") && !text.contains("not(test"))
}

fn first_word(tokens: &TokenStream) -> Option<String> {
    match tokens.clone().into_iter().next()? {
        TokenTree::Ident(word) => Some(word.to_string()),
        TokenTree::Group(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => None,
    }
}

fn group(token: Option<&TokenTree>, delimiter: Delimiter) -> Option<TokenStream> {
    match token? {
        TokenTree::Group(group) if group.delimiter() == delimiter => Some(group.stream()),
        _ => None,
    }
}

fn group_follows(tokens: &[TokenTree], at: usize) -> bool {
    matches!(tokens.get(at), Some(TokenTree::Group(_)))
}

fn group_ends(tokens: &[TokenTree], at: usize) -> bool {
    at > 0 && group(tokens.get(at - 1), Delimiter::Brace).is_some()
}

fn is_colons(tokens: &[TokenTree], at: usize) -> bool {
    is_punct(tokens.get(at), ':') && is_punct(tokens.get(at + 1), ':')
}

fn is_punct(token: Option<&TokenTree>, wanted: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == wanted)
}

fn line_of(token: &TokenTree) -> usize {
    token.span().start().line
}
