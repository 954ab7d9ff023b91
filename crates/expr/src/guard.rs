//! The check of a source before it is parsed: its length, and how deeply it nests.
//!
//! It counts the tokens of the parser's own lexer, so that literals and comments mean the same to both.

use cel::parser::pratt_parser::{Lexer, Token, TokenKind};

use crate::{Error, ErrorKind};

/// The longest source of an expression, in bytes.
pub(crate) const MAX_SOURCE: usize = 1024;

/// The deepest nesting of anything that nests.
pub(crate) const MAX_NESTING: usize = 32;

/// Splits a source into its significant tokens, provided that parsing them is safe.
pub(crate) fn tokens(source: &str) -> Result<Vec<Token>, Error> {
    if source.len() > MAX_SOURCE {
        let message = format!("an expression may have {MAX_SOURCE} bytes, this one has {}", source.len());
        return Err(Error::at(ErrorKind::TooLong, MAX_SOURCE, message));
    }
    let mut lexer = Lexer::new(source);
    let mut tokens = Vec::new();
    let mut levels = Levels::default();
    loop {
        let token = lexer.lex();
        match token.kind {
            TokenKind::TokEnd => return Ok(tokens),
            TokenKind::TokWhitespace | TokenKind::TokComment => {}
            TokenKind::TokError => return Err(unreadable(&lexer, token)),
            kind => {
                levels.count(kind).map_err(|what| too_deep(what, token))?;
                tokens.push(token);
            }
        }
    }
}

/// Says why the lexer could not go on.
pub(crate) fn unreadable(lexer: &Lexer<'_>, token: Token) -> Error {
    let message = lexer.get_error().map_or("unexpected character", |error| error.message.as_str());
    Error::at(ErrorKind::Syntax, token.start, message)
}

fn too_deep(what: &str, token: Token) -> Error {
    let message = format!("more than {MAX_NESTING} {what}");
    Error::at(ErrorKind::TooDeep, token.start, message)
}

/// What nests within one pair of brackets.
#[derive(Default)]
struct Level {
    signs: usize,
    members: usize,
    operators: usize,
    connectives: usize,
    choices: usize,
}

/// The open brackets, innermost last, within `outside`.
#[derive(Default)]
struct Levels {
    outside: Level,
    open: Vec<Level>,
    after_operand: bool,
}

impl Levels {
    /// Takes note of a token; the error says what there is too much of.
    fn count(&mut self, kind: TokenKind) -> Result<(), &'static str> {
        let after_operand = std::mem::replace(&mut self.after_operand, ends_operand(kind));
        let level = self.open.last_mut().unwrap_or(&mut self.outside);
        match kind {
            TokenKind::TokExclamation => bump(&mut level.signs, "signs in a row")?,
            TokenKind::TokMinus if !after_operand => bump(&mut level.signs, "signs in a row")?,
            TokenKind::TokDot => bump(&mut level.members, "members in a chain")?,
            TokenKind::TokLeftBracket if after_operand => {
                bump(&mut level.members, "members in a chain")?;
                self.enter()?;
            }
            TokenKind::TokLeftParen | TokenKind::TokLeftBracket | TokenKind::TokLeftBrace => {
                self.enter()?;
            }
            TokenKind::TokRightParen | TokenKind::TokRightBracket | TokenKind::TokRightBrace => {
                self.open.pop();
            }
            TokenKind::TokComma => *level = Level::default(),
            TokenKind::TokQuestion => {
                level.restart_operand();
                level.operators = 0;
                level.connectives = 0;
                bump(&mut level.choices, "choices in a row")?;
            }
            TokenKind::TokLogicalAnd | TokenKind::TokLogicalOr => {
                level.restart_operand();
                level.operators = 0;
                bump(&mut level.connectives, "conditions in a row")?;
            }
            kind if is_operator(kind) => {
                level.restart_operand();
                bump(&mut level.operators, "operators in a row")?;
            }
            _ => level.signs = 0,
        }
        Ok(())
    }

    fn enter(&mut self) -> Result<(), &'static str> {
        self.open.push(Level::default());
        if self.open.len() > MAX_NESTING {
            return Err("brackets within one another");
        }
        Ok(())
    }
}

impl Level {
    fn restart_operand(&mut self) {
        self.signs = 0;
        self.members = 0;
    }
}

fn bump(count: &mut usize, what: &'static str) -> Result<(), &'static str> {
    *count += 1;
    if *count > MAX_NESTING {
        return Err(what);
    }
    Ok(())
}

/// Says whether a token can be the last one of an operand.
pub(crate) fn ends_operand(kind: TokenKind) -> bool {
    matches!(
        kind,
        TokenKind::TokIdent
            | TokenKind::TokReservedWord
            | TokenKind::TokNull
            | TokenKind::TokTrue
            | TokenKind::TokFalse
            | TokenKind::TokInt
            | TokenKind::TokUint
            | TokenKind::TokFloat
            | TokenKind::TokString
            | TokenKind::TokBytes
            | TokenKind::TokRightParen
            | TokenKind::TokRightBracket
            | TokenKind::TokRightBrace
    )
}

fn is_operator(kind: TokenKind) -> bool {
    matches!(
        kind,
        TokenKind::TokMinus
            | TokenKind::TokPlus
            | TokenKind::TokAsterisk
            | TokenKind::TokSlash
            | TokenKind::TokPercent
            | TokenKind::TokColon
            | TokenKind::TokIn
            | TokenKind::TokEqualEqual
            | TokenKind::TokExclamationEqual
            | TokenKind::TokLess
            | TokenKind::TokLessEqual
            | TokenKind::TokGreater
            | TokenKind::TokGreaterEqual
    )
}
