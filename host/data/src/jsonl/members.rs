//! Walks over the members of one JSON object without building anything.

use std::borrow::Cow;

/// What is not JSON, and where in the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotJson {
    /// Offset in the line.
    pub(crate) place: usize,
    pub(crate) expected: &'static str,
}

/// The members of an object, in order, as raw bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Members<'a> {
    line: &'a [u8],
    place: usize,
    first: bool,
}

/// Name (without its quotes, escapes as they stand) and value of one member.
pub(crate) type Member<'a> = (&'a [u8], &'a [u8]);

impl<'a> Members<'a> {
    /// Begins at the brace of `line`, whose ends are trimmed.
    pub(crate) fn new(line: &'a [u8]) -> Result<Self, NotJson> {
        match line {
            [b'{', .., b'}'] => Ok(Self { line, place: 1, first: true }),
            [b'{', ..] => Err(NotJson { place: line.len(), expected: "a `}` at the end of the line" }),
            _ => Err(NotJson { place: 0, expected: "an object" }),
        }
    }

    /// The next member; `None` behind the last.
    #[inline]
    pub(crate) fn next(&mut self) -> Result<Option<Member<'a>>, NotJson> {
        self.blank();
        match (self.peek(), self.first) {
            (Some(b'}'), _) if self.place + 1 == self.line.len() => return Ok(None),
            (Some(b','), false) => {
                self.place += 1;
                self.blank();
            }
            (_, true) => {}
            _ => return self.expected("a comma or a closing brace"),
        }
        self.first = false;
        if self.peek() != Some(b'"') {
            return self.expected("a name in quotes");
        }
        let name = self.string()?;
        self.blank();
        if self.peek() != Some(b':') {
            return self.expected("a colon");
        }
        self.place += 1;
        self.blank();
        let start = self.place;
        self.value()?;
        Ok(Some((name, self.line.get(start..self.place).unwrap_or_default())))
    }

    /// How far the walk is: one past the last value.
    pub(crate) fn place(&self) -> usize {
        self.place
    }

    #[inline(always)]
    fn peek(&self) -> Option<u8> {
        self.line.get(self.place).copied()
    }

    #[inline(always)]
    fn blank(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r')) {
            self.place += 1;
        }
    }

    fn expected<T>(&self, expected: &'static str) -> Result<T, NotJson> {
        Err(NotJson { place: self.place, expected })
    }

    /// Passes over a string; gives what is between its quotes.
    #[inline]
    fn string(&mut self) -> Result<&'a [u8], NotJson> {
        let start = self.place + 1;
        let mut place = start;
        loop {
            let rest = self.line.get(place..).unwrap_or_default();
            let Some(found) = memchr::memchr2(b'"', b'\\', rest) else {
                return self.expected("the end of a string");
            };
            place += found + 1;
            if rest.get(found) == Some(&b'"') {
                self.place = place;
                return Ok(self.line.get(start..place - 1).unwrap_or_default());
            }
            place += 1;
        }
    }

    #[inline]
    fn value(&mut self) -> Result<(), NotJson> {
        match self.peek() {
            Some(b'"') => self.string().map(|_| ()),
            Some(b'{' | b'[') => self.nested(),
            _ => self.scalar(),
        }
    }

    fn scalar(&mut self) -> Result<(), NotJson> {
        let rest = self.line.get(self.place..).unwrap_or_default();
        let length = rest
            .iter()
            .position(|byte| matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\r'))
            .unwrap_or(rest.len());
        if length == 0 {
            return self.expected("a value");
        }
        self.place += length;
        Ok(())
    }

    /// Passes over an object or a list by counting brackets outside strings.
    fn nested(&mut self) -> Result<(), NotJson> {
        let mut depth = 0_usize;
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.string()?;
                    continue;
                }
                Some(b'{' | b'[') => depth += 1,
                Some(b'}' | b']') => depth -= 1,
                Some(_) => {}
                None => return self.expected("a closing bracket"),
            }
            self.place += 1;
            if depth == 0 {
                return Ok(());
            }
        }
    }
}

/// The text of a raw string (with its quotes); `None` if its escapes are wrong.
pub(crate) fn text(raw: &[u8]) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    if memchr::memchr(b'\\', inner).is_none() {
        return std::str::from_utf8(inner).ok().map(Cow::Borrowed);
    }
    serde_json::from_slice::<String>(raw).ok().map(Cow::Owned)
}

/// Whether the raw name (without quotes) is `name`.
#[inline]
pub(crate) fn is_named(raw: &[u8], name: &str) -> bool {
    if memchr::memchr(b'\\', raw).is_some() {
        return unescaped(raw).is_some_and(|text| text == name);
    }
    raw == name.as_bytes()
}

/// A raw name (without quotes) as text.
pub(crate) fn unescaped(raw: &[u8]) -> Option<String> {
    text(&[b"\"", raw, b"\""].concat()).map(Cow::into_owned)
}
