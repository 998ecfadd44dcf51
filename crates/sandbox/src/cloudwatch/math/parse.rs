//! Text to expression, by descent: comparison, sum, product, power, sign, atom.

use super::{Expression, Function, Operator, Search};

/// Brackets in brackets, at most.
const DEPTH: usize = 32;

/// Reads an expression.
///
/// # Errors
/// What is wrong with it, for a person.
pub(in crate::cloudwatch) fn parse(text: &str) -> Result<Expression, String> {
    let mut reader = Reader { tokens: tokens(text)?, at: 0, depth: 0 };
    let expression = reader.comparison()?;
    match reader.peek() {
        None => Ok(expression),
        Some(token) => Err(format!("unexpected `{token}`")),
    }
}

fn tokens(text: &str) -> Result<Vec<String>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let word = |it: char| it.is_ascii_alphanumeric() || it == '_';
        let length = match first {
            it if it.is_ascii_digit() || it == '.' => rest.find(|it: char| !(it.is_ascii_digit() || it == '.')),
            it if word(it) => rest.find(|it| !word(it)),
            '\'' => Some(rest[1..].find('\'').ok_or("a text does not end")? + 2),
            '<' | '>' | '=' | '!' if rest[1..].starts_with('=') => Some(2),
            '+' | '-' | '*' | '/' | '^' | '(' | ')' | '[' | ']' | ',' | '<' | '>' => Some(1),
            other => return Err(format!("unexpected `{other}`")),
        };
        let (token, after) = rest.split_at(length.unwrap_or(rest.len()));
        tokens.push(token.to_owned());
        rest = after.trim_start();
    }
    Ok(tokens)
}

struct Reader {
    tokens: Vec<String>,
    at: usize,
    depth: usize,
}

impl Reader {
    fn peek(&self) -> Option<&str> {
        self.tokens.get(self.at).map(String::as_str)
    }

    fn take(&mut self, token: &str) -> bool {
        let found = self.peek() == Some(token);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, token: &str) -> Result<(), String> {
        match self.take(token) {
            true => Ok(()),
            false => Err(format!("`{token}` is missing before `{}`", self.peek().unwrap_or("the end"))),
        }
    }

    fn operator(&mut self, known: &[(&str, Operator)]) -> Option<Operator> {
        let found = known.iter().find(|(token, _)| self.peek() == Some(token))?.1;
        self.at += 1;
        Some(found)
    }

    fn left_to_right(
        &mut self,
        known: &[(&str, Operator)],
        operand: fn(&mut Self) -> Result<Expression, String>,
    ) -> Result<Expression, String> {
        let mut left = operand(self)?;
        while let Some(operator) = self.operator(known) {
            let right = operand(self)?;
            left = Expression::Binary(operator, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn comparison(&mut self) -> Result<Expression, String> {
        const KNOWN: &[(&str, Operator)] = &[
            ("<", Operator::Less),
            ("<=", Operator::LessOrEqual),
            (">", Operator::Greater),
            (">=", Operator::GreaterOrEqual),
            ("==", Operator::Equal),
            ("!=", Operator::NotEqual),
        ];
        self.left_to_right(KNOWN, Self::sum)
    }

    fn sum(&mut self) -> Result<Expression, String> {
        self.left_to_right(&[("+", Operator::Add), ("-", Operator::Subtract)], Self::product)
    }

    fn product(&mut self) -> Result<Expression, String> {
        self.left_to_right(&[("*", Operator::Multiply), ("/", Operator::Divide)], Self::power)
    }

    fn power(&mut self) -> Result<Expression, String> {
        self.left_to_right(&[("^", Operator::Power)], Self::atom)
    }

    /// Everything that can hold an expression again goes through here, so this is where depth is counted.
    fn atom(&mut self) -> Result<Expression, String> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(format!("it is nested more than {DEPTH} deep"));
        }
        let atom = self.atom_here();
        self.depth -= 1;
        atom
    }

    fn atom_here(&mut self) -> Result<Expression, String> {
        let Some(token) = self.peek().map(str::to_owned) else {
            return Err("it ends too early".to_owned());
        };
        self.at += 1;
        match token.as_str() {
            "-" => Ok(Expression::Negative(Box::new(self.atom()?))),
            "(" => {
                let inner = self.comparison()?;
                self.expect(")").map(|()| inner)
            }
            "[" => Ok(Expression::List(self.until("]")?)),
            "REPEAT" => Ok(Expression::Repeat),
            it if it.starts_with(|it: char| it.is_ascii_digit() || it == '.') => {
                it.parse().map(Expression::Number).map_err(|_| format!("`{it}` is not a number"))
            }
            it if it.starts_with(|it: char| it.is_ascii_lowercase()) => Ok(Expression::Id(token)),
            it if it.starts_with(|it: char| it.is_ascii_uppercase()) => self.call(it),
            it => Err(format!("unexpected `{it}`")),
        }
    }

    fn call(&mut self, name: &str) -> Result<Expression, String> {
        self.expect("(")?;
        if name == "METRICS" {
            return self.expect(")").map(|()| Expression::Metrics);
        }
        if name == "SEARCH" {
            return self.search();
        }
        let known = || Function::ALL.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        let function = Function::named(name)
            .ok_or_else(|| format!("the sandbox has no function {name}, only {}, METRICS, SEARCH", known()))?;
        let arguments = self.until(")")?;
        let (least, most) = function.arity();
        if !(least..=most).contains(&arguments.len()) {
            return Err(format!("{name} takes {least} to {most} arguments, not {}", arguments.len()));
        }
        Ok(Expression::Call(function, arguments))
    }

    fn search(&mut self) -> Result<Expression, String> {
        let text = self.text()?;
        self.expect(",")?;
        let stat = self.text()?;
        self.expect(",")?;
        let Expression::Number(seconds) = self.atom()? else {
            return Err("the period of SEARCH is a number".to_owned());
        };
        self.expect(")")?;
        Search::read(&text, &stat, seconds).map(Expression::Search)
    }

    /// `'text'`
    fn text(&mut self) -> Result<String, String> {
        let token = self.peek().and_then(|token| token.strip_prefix('\'')?.strip_suffix('\'')).map(str::to_owned);
        self.at += 1;
        token.ok_or_else(|| "SEARCH takes a search, a statistic and a period".to_owned())
    }

    fn until(&mut self, end: &str) -> Result<Vec<Expression>, String> {
        let mut items = vec![self.comparison()?];
        while self.take(",") {
            items.push(self.comparison()?);
        }
        self.expect(end).map(|()| items)
    }
}
