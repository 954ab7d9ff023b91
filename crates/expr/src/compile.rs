//! From a source to a tree that is safe to evaluate, and the static paths that it reads.

use std::borrow::Cow;

use cel::{
    IdedExpr,
    common::ast::{
        CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedEntryExpr, LiteralValue, SelectExpr, operators,
    },
    parser::{
        ParseErrors, PrattParser,
        pratt_parser::{Token, TokenKind},
    },
};
use serde_json::Value;

use crate::{
    Error, ErrorKind, Reference, Scope,
    functions::{self, Pattern, Style},
    guard,
    path::{Path, Segment},
};

/// The deepest tree that is evaluated; macros put a few levels of their own into it.
const MAX_TREE: usize = 64;

/// How many loops may stand within one another.
const MAX_LOOPS: usize = 2;

/// A tree in which every static path has become a variable of its own.
pub(crate) struct Tree {
    pub(crate) root: IdedExpr,
    pub(crate) reads: Vec<Read>,
    pub(crate) patterns: Vec<Pattern>,
    pub(crate) references: Vec<Reference>,
    /// How many levels it has.
    pub(crate) depth: usize,
}

/// A path, and where it is first read.
pub(crate) struct Read {
    path: Path,
    offset: usize,
}

impl Read {
    /// Follows the path.
    pub(crate) fn resolve<'s>(&self, scope: &'s dyn Scope) -> Result<Cow<'s, Value>, Error> {
        self.path.resolve(scope).map_err(|error| error.moved_by(self.offset))
    }
}

/// What a variable of the tree stands for; no source can spell their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variable {
    /// The value at a path.
    Read(usize),
    /// Whether there is a value at a path.
    Has(usize),
    /// A pattern.
    Pattern(usize),
}

impl Variable {
    fn name(self) -> String {
        match self {
            Self::Read(index) => format!("@read{index}"),
            Self::Has(index) => format!("@has{index}"),
            Self::Pattern(index) => format!("@pattern{index}"),
        }
    }

    /// Recognises the name of one of ours.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let index = |text: &str| text.parse().ok();
        if let Some(text) = name.strip_prefix("@read") {
            index(text).map(Self::Read)
        } else if let Some(text) = name.strip_prefix("@has") {
            index(text).map(Self::Has)
        } else if let Some(text) = name.strip_prefix("@pattern") {
            index(text).map(Self::Pattern)
        } else {
            None
        }
    }
}

/// Compiles a source.
pub(crate) fn compile(source: &str) -> Result<Tree, Error> {
    let tokens = guard::tokens(source)?;
    let mut root = PrattParser::default().parse(source).map_err(|errors| syntax_error(source, &errors))?;
    let mut compiler = Compiler {
        tokens: &tokens,
        source,
        bound: Vec::new(),
        loops: 0,
        reads: Vec::new(),
        patterns: Vec::new(),
        references: Vec::new(),
        cursor: 0,
        depth: 0,
    };
    compiler.visit(&mut root, 0)?;
    Ok(Tree {
        root,
        reads: compiler.reads,
        patterns: compiler.patterns,
        references: compiler.references,
        depth: compiler.depth,
    })
}

fn syntax_error(source: &str, errors: &ParseErrors) -> Error {
    let Some(first) = errors.errors.first() else {
        return Error::new(ErrorKind::Syntax, "this is not an expression");
    };
    let (line, column) = first.pos;
    let message = first.msg.trim_start_matches("Syntax error: ");
    let before = usize::try_from(line - 1).unwrap_or_default();
    let start: usize = source.split_inclusive('\n').take(before).map(str::len).sum();
    let offset = start + usize::try_from(column - 1).unwrap_or_default();
    Error::at(ErrorKind::Syntax, offset.min(source.len()), message)
}

struct Compiler<'a> {
    tokens: &'a [Token],
    source: &'a str,
    /// The variables of the loops around, innermost last.
    bound: Vec<String>,
    loops: usize,
    reads: Vec<Read>,
    patterns: Vec<Pattern>,
    references: Vec<Reference>,
    /// Where the search for the next path in the source begins.
    cursor: usize,
    depth: usize,
}

impl Compiler<'_> {
    fn visit(&mut self, node: &mut IdedExpr, depth: usize) -> Result<(), Error> {
        if depth > MAX_TREE {
            return Err(Error::new(ErrorKind::TooDeep, "the expression nests too deeply"));
        }
        self.depth = self.depth.max(depth + 1);
        if let Some(path) = self.static_path(node) {
            if functions::is_type(&path.names().join(".")) {
                return Ok(());
            }
            node.expr = self.read(path, Variable::Read);
            return Ok(());
        }
        match &mut node.expr {
            Expr::Select(select) if select.test => {
                if let Some(path) = self.tested_path(select) {
                    node.expr = self.read(path, Variable::Has);
                    return Ok(());
                }
                self.visit(&mut select.operand, depth + 1)
            }
            Expr::Select(select) => self.visit(&mut select.operand, depth + 1),
            Expr::Call(call) => self.call(call, depth),
            Expr::Comprehension(comprehension) => self.comprehension(comprehension, depth),
            Expr::List(list) => self.all(&mut list.elements, depth),
            Expr::Map(map) => self.entries(&mut map.entries, depth),
            Expr::Ident(_) | Expr::Literal(_) => Ok(()),
            Expr::Struct(message) => Err(Error::new(
                ErrorKind::Syntax,
                format!("`{} {{…}}`: there are no message types", message.type_name),
            )),
            Expr::Unspecified => Err(Error::new(ErrorKind::Syntax, "this is not an expression")),
        }
    }

    fn all(&mut self, nodes: &mut [IdedExpr], depth: usize) -> Result<(), Error> {
        nodes.iter_mut().try_for_each(|node| self.visit(node, depth + 1))
    }

    fn entries(&mut self, entries: &mut [IdedEntryExpr], depth: usize) -> Result<(), Error> {
        for entry in entries {
            if let EntryExpr::MapEntry(entry) = &mut entry.expr {
                self.visit(&mut entry.key, depth + 1)?;
                self.visit(&mut entry.value, depth + 1)?;
            }
        }
        Ok(())
    }

    fn call(&mut self, call: &mut CallExpr, depth: usize) -> Result<(), Error> {
        if let Some(target) = &mut call.target {
            self.visit(target, depth + 1)?;
        }
        // An inequality gets a level of its own below.
        let negated = call.func_name == operators::NOT_EQUALS;
        self.all(&mut call.args, depth + usize::from(negated))?;
        match call.func_name.as_str() {
            operators::EQUALS => functions::EQUAL.clone_into(&mut call.func_name),
            operators::NOT_EQUALS => negate_equality(call),
            operators::IN => functions::IN.clone_into(&mut call.func_name),
            "matches" => self.matches(call)?,
            name if is_operator(name) => {}
            name => known(name, call)?,
        }
        Ok(())
    }

    /// Compiles a literal pattern once, and has `x.matches(p)` and `matches(x, p)` mean the same.
    fn matches(&mut self, call: &mut CallExpr) -> Result<(), Error> {
        if let Some(target) = call.target.take() {
            call.args.insert(0, *target);
        }
        let [_, pattern] = call.args.as_mut_slice() else {
            return Err(unknown("matches"));
        };
        if let Expr::Literal(LiteralValue::String(text)) = &pattern.expr {
            let compiled =
                Pattern::parse(text.inner()).map_err(|message| Error::new(ErrorKind::Syntax, message))?;
            pattern.expr = Expr::Ident(Variable::Pattern(self.patterns.len()).name());
            self.patterns.push(compiled);
        }
        functions::MATCHES.clone_into(&mut call.func_name);
        Ok(())
    }

    fn comprehension(&mut self, node: &mut ComprehensionExpr, depth: usize) -> Result<(), Error> {
        self.visit(&mut node.iter_range, depth + 1)?;
        self.visit(&mut node.accu_init, depth + 1)?;
        if self.loops == MAX_LOOPS {
            let message = format!("more than {MAX_LOOPS} loops within one another");
            return Err(Error::new(ErrorKind::TooDeep, message));
        }
        self.loops += 1;
        self.bound.push(node.iter_var.clone());
        self.bound.push(node.accu_var.clone());
        self.visit(&mut node.loop_cond, depth + 1)?;
        self.visit(&mut node.loop_step, depth + 1)?;
        self.visit(&mut node.result, depth + 1)?;
        self.bound.truncate(self.bound.len() - 2);
        self.loops -= 1;
        Ok(())
    }

    /// Turns a path into a variable and remembers where it was read.
    fn read(&mut self, path: Path, variable: fn(usize) -> Variable) -> Expr {
        let offset = self.locate(&path);
        self.references.push(Reference { path: path.names(), offset });
        let known = self.reads.iter().position(|read| read.path == path);
        let index = known.unwrap_or_else(|| {
            self.reads.push(Read { path, offset });
            self.reads.len() - 1
        });
        Expr::Ident(variable(index).name())
    }

    fn tested_path(&self, select: &SelectExpr) -> Option<Path> {
        let mut path = self.static_path(&select.operand)?;
        path.segments.push(Segment::Key(select.field.clone()));
        Some(path)
    }

    /// Reads a node as a path, if that is all it is.
    fn static_path(&self, mut node: &IdedExpr) -> Option<Path> {
        let mut segments = Vec::new();
        let root = loop {
            match &node.expr {
                Expr::Select(select) if !select.test => {
                    segments.push(Segment::Key(select.field.clone()));
                    node = &select.operand;
                }
                Expr::Call(call) if call.func_name == operators::INDEX => {
                    let [operand, index] = call.args.as_slice() else {
                        return None;
                    };
                    segments.push(literal_segment(index)?);
                    node = operand;
                }
                Expr::Ident(name) => break name,
                Expr::Select(_)
                | Expr::Call(_)
                | Expr::Comprehension(_)
                | Expr::List(_)
                | Expr::Literal(_)
                | Expr::Map(_)
                | Expr::Struct(_)
                | Expr::Unspecified => return None,
            }
        };
        segments.reverse();
        let path = Path { root: root.trim_start_matches('.').to_owned(), segments };
        (!self.bound.contains(root)).then_some(path)
    }

    /// Finds a path in the source, in the order in which paths are read.
    fn locate(&mut self, path: &Path) -> usize {
        let from_cursor = (self.cursor..self.tokens.len()).find(|&at| self.stands_at(at, path));
        let found = from_cursor.or_else(|| (0..self.tokens.len()).find(|&at| self.stands_at(at, path)));
        match found {
            Some(at) => {
                self.cursor = at + 1;
                self.tokens[at].start
            }
            None => 0,
        }
    }

    /// Compares the names of a path with the tokens from `at` on.
    fn stands_at(&self, at: usize, path: &Path) -> bool {
        let text = |token: &Token| &self.source[token.start..token.end];
        let is_member = at > 1
            && self.tokens[at - 1].kind == TokenKind::TokDot
            && guard::ends_operand(self.tokens[at - 2].kind);
        if is_member || text(&self.tokens[at]) != path.root {
            return false;
        }
        let mut rest = self.tokens[at + 1..].iter();
        path.segments.iter().all(|segment| match segment {
            Segment::Key(key) => match rest.next() {
                Some(token) if token.kind == TokenKind::TokDot => {
                    rest.next().is_some_and(|token| text(token) == key)
                }
                Some(_) => rest.nth(1).is_some(),
                None => false,
            },
            Segment::Index(_) => rest.nth(2).is_some(),
        })
    }
}

/// Makes `a != b` of `!(a == b)`, for which we have an answer.
fn negate_equality(call: &mut CallExpr) {
    let equality = CallExpr {
        func_name: functions::EQUAL.to_owned(),
        target: None,
        args: std::mem::take(&mut call.args),
    };
    operators::LOGICAL_NOT.clone_into(&mut call.func_name);
    call.args = vec![IdedExpr { id: 0, expr: Expr::Call(equality) }];
}

fn literal_segment(index: &IdedExpr) -> Option<Segment> {
    match &index.expr {
        Expr::Literal(LiteralValue::String(key)) => Some(Segment::Key(key.inner().to_owned())),
        Expr::Literal(LiteralValue::Int(index)) => usize::try_from(*index.inner()).ok().map(Segment::Index),
        _ => None,
    }
}

fn is_operator(name: &str) -> bool {
    matches!(
        name,
        operators::CONDITIONAL
            | operators::LOGICAL_AND
            | operators::LOGICAL_OR
            | operators::LOGICAL_NOT
            | operators::NOT_STRICTLY_FALSE
            | operators::ADD
            | operators::SUBSTRACT
            | operators::MULTIPLY
            | operators::DIVIDE
            | operators::MODULO
            | operators::NEGATE
            | operators::LESS
            | operators::LESS_EQUALS
            | operators::GREATER
            | operators::GREATER_EQUALS
            | operators::INDEX
    )
}

fn known(name: &str, call: &CallExpr) -> Result<(), Error> {
    let style = match call.target {
        Some(_) => Style::Member,
        None => Style::Global,
    };
    if functions::exists(name, style) { Ok(()) } else { Err(unknown(name)) }
}

fn unknown(name: &str) -> Error {
    let message = format!("there is no function `{name}` that is called like this");
    Error::new(ErrorKind::UnknownFunction, message)
}
