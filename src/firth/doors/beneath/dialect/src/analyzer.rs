//! Expressions: what they mean, of which type they are, and how the engine says the same.

use crate::literals::{integer, literal};
use crate::scope::{field, Col, Mentions, Scope};
use crate::time;
use crate::types::{bounded, quoted, text, unbounded, Ex, Lit, Res, Ty};
use sqlparser::ast::*;

const DEPTH_MAX: usize = 1000;
/// What the engine takes at most, with room for what is put around it.
pub const SQL_BYTES_MAX: usize = 240 << 10;

/// A column of an analyzed query.
#[derive(Clone, Debug)]
pub struct Out {
    pub name: String,
    /// Its name in the engine's SQL, which is unique.
    pub column: String,
    pub ty: Ty,
}

impl Out {
    pub fn column_of(&self, alias: &str) -> Col {
        Col {
            name: self.name.clone(),
            sql: format!("{}.{}", quoted(alias), quoted(&self.column)),
            ty: self.ty.clone(),
            stored: None,
            star: true,
        }
    }

    pub fn reference(&self) -> (String, Ex) {
        (self.name.clone(), Ex::new(quoted(&self.column), self.ty.clone()))
    }
}

/// A table that exists.
pub struct Table {
    pub path: String,
    pub columns: Vec<(String, Ty)>,
    pub hidden: Vec<(String, Ty)>,
    /// Its rows, as a subquery.
    pub sql: String,
    /// The same, only rows of later commits than one.
    pub newer_sql: String,
}

pub struct Analyzer<'a> {
    pub tables: &'a [Table],
    pub mentions: Mentions,
    pub ctes: Vec<Cte>,
    /// The named windows of the SELECT at hand, whole, with the length of their text.
    pub windows: Vec<(String, WindowSpec, usize)>,
    /// Text of named windows that was written out so far.
    pub windows_bytes: usize,
    /// How many WITH RECURSIVE are around.
    pub recursions: usize,
    pub now_us: i64,
    pub unnamed: usize,
    /// Above 0 inside an aggregate's arguments, where names of the select list mean nothing.
    pub in_aggregate: usize,
    /// Is the statement's own select list still to come?
    pub outermost: bool,
    depth: usize,
}

/// A query of a WITH clause; without columns while it is not known whether it is recursive.
pub struct Cte {
    pub name: String,
    pub outs: Option<Vec<Out>>,
}

pub fn path_of(name: &ObjectName) -> Res<Vec<String>> {
    name.0
        .iter()
        .map(|part| match part {
            ObjectNamePart::Identifier(ident) => Ok(ident.value.clone()),
            ObjectNamePart::Function(_) => Err("a function is no part of a name".to_string()),
        })
        .collect()
}

/// Unary and binary operators over checked operands.
fn compare(op: &str, left: &Ex, right: &Ex) -> Res<Ex> {
    let (left, right) = (meet(left, right)?, meet(right, left)?);
    if left.ty.with(&right.ty).is_none() {
        return Err(format!(
            "no matching signature for operator {op} for argument types: {}, {}",
            left.ty.name(),
            right.ty.name()
        ));
    }
    Ok(Ex::new(format!("({} {op} {})", left.sql, right.sql), Ty::Bool))
}

/// `a op b` of numbers, op being one of + - *, which has type `ty`.
pub fn calculated(a: &Ex, op: &str, b: &Ex, ty: &Ty) -> String {
    let numeric = a.ty == Ty::Numeric || b.ty == Ty::Numeric;
    match ty {
        Ty::Float if numeric => format!("(CAST({} AS DOUBLE) {op} CAST({} AS DOUBLE))", a.sql, b.sql),
        // The engine's own subtraction of a value from itself does not give zero.
        Ty::Numeric if op == "-" => format!("({} + (- CAST({} AS BIGNUM)))", a.sql, b.sql),
        Ty::Numeric if op == "*" => unbounded(&format!("({} * {})", bounded(&a.sql), bounded(&b.sql))),
        _ => format!("({} {op} {})", a.sql, b.sql),
    }
}

/// A string literal becomes a time where it meets one.
pub fn meet(ex: &Ex, other: &Ex) -> Res<Ex> {
    match (&ex.lit, &other.ty) {
        (Lit::Str(value), Ty::Timestamp | Ty::Date | Ty::Datetime | Ty::Time) => time::literal(&other.ty, value),
        _ => Ok(ex.clone()),
    }
}

/// The common type of several values, string literals made times where another is one.
pub fn meet_all(list: &[Ex], what: &str) -> Res<(Vec<Ex>, Ty)> {
    let example = list.iter().find(|ex| !matches!(ex.lit, Lit::Str(_) | Lit::Null));
    let mut out = Vec::new();
    let mut ty = Ty::Null;
    for ex in list {
        let ex = match example {
            Some(example) => meet(ex, example)?,
            None => ex.clone(),
        };
        ty = ty.with(&ex.ty).ok_or_else(|| {
            format!("no matching signature for {what} for argument types: {}, {}", ty.name(), ex.ty.name())
        })?;
        out.push(ex);
    }
    Ok((out, ty))
}

/// `ex` as a value of type `ty`, where that needs no cast by the user.
pub fn coerce(ex: &Ex, ty: &Ty, what: &str) -> Res<String> {
    let probe = Ex::new("", ty.clone());
    let ex = meet(ex, &probe)?;
    if ex.ty == *ty || ex.ty == Ty::Null {
        return Ok(ex.sql);
    }
    match (&ex.ty, ty) {
        (Ty::Int, Ty::Numeric | Ty::Float) | (Ty::Numeric, Ty::Float) => {
            Ok(format!("CAST({} AS {})", ex.sql, ty.engine()))
        }
        (have, want) => Err(format!("{what} takes {}, not {}", want.name(), have.name())),
    }
}

impl<'a> Analyzer<'a> {
    pub fn new(tables: &'a [Table], now_us: i64) -> Analyzer<'a> {
        Analyzer {
            tables,
            mentions: vec![Default::default(); tables.len()],
            ctes: Vec::new(),
            windows: Vec::new(),
            windows_bytes: 0,
            recursions: 0,
            now_us,
            unnamed: 0,
            in_aggregate: 0,
            outermost: true,
            depth: 0,
        }
    }

    pub fn enter(&mut self) -> Res<()> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err("the statement is nested too deeply".into());
        }
        Ok(())
    }

    pub fn leave(&mut self) {
        self.depth -= 1;
    }

    pub fn expr(&mut self, expr: &Expr, scope: &Scope) -> Res<Ex> {
        self.enter()?;
        let result = self.expr_in(expr, scope);
        self.leave();
        let ex = result?;
        if ex.sql.len() > SQL_BYTES_MAX {
            return Err("the statement is too complex".into());
        }
        Ok(ex)
    }

    fn path(&mut self, path: &[String], scope: &Scope) -> Res<Ex> {
        let aliases = self.in_aggregate == 0;
        let tried = scope.resolve(path, aliases, &mut self.mentions);
        if let (Err(_), [name]) = (&tried, path) {
            if matches!(name.to_uppercase().as_str(), "CURRENT_TIMESTAMP" | "CURRENT_DATE") {
                return self.call(&name.to_uppercase(), &[], scope);
            }
        }
        tried
    }

    fn expr_in(&mut self, expr: &Expr, scope: &Scope) -> Res<Ex> {
        match expr {
            Expr::Identifier(ident) => self.path(&[ident.value.clone()], scope),
            Expr::CompoundIdentifier(parts) => {
                let path: Vec<String> = parts.iter().map(|ident| ident.value.clone()).collect();
                self.path(&path, scope)
            }
            Expr::CompoundFieldAccess { root, access_chain } => self.access(root, access_chain, scope),
            Expr::Nested(inner) => {
                let ex = self.expr(inner, scope)?;
                Ok(Ex { sql: format!("({})", ex.sql), ..ex })
            }
            Expr::Value(value) => literal(&value.value),
            Expr::TypedString(typed) => {
                let ty = self.type_of(&typed.data_type)?;
                let value = literal(&typed.value.value)?;
                match value.lit {
                    Lit::Str(value) => time::typed_literal(&ty, &value),
                    _ => Err("a typed literal is a string".into()),
                }
            }
            Expr::UnaryOp { op, expr } => self.unary(op, expr, scope),
            Expr::BinaryOp { left, op, right } => self.binary(left, op, right, scope),
            Expr::IsNull(inner) => self.test(inner, "IS NULL", false, scope),
            Expr::IsNotNull(inner) => self.test(inner, "IS NOT NULL", false, scope),
            Expr::IsTrue(inner) => self.test(inner, "IS TRUE", true, scope),
            Expr::IsNotTrue(inner) => self.test(inner, "IS NOT TRUE", true, scope),
            Expr::IsFalse(inner) => self.test(inner, "IS FALSE", true, scope),
            Expr::IsNotFalse(inner) => self.test(inner, "IS NOT FALSE", true, scope),
            Expr::IsUnknown(inner) => self.test(inner, "IS NULL", true, scope),
            Expr::IsNotUnknown(inner) => self.test(inner, "IS NOT NULL", true, scope),
            Expr::IsDistinctFrom(left, right) => {
                compare("IS DISTINCT FROM", &self.expr(left, scope)?, &self.expr(right, scope)?)
            }
            Expr::IsNotDistinctFrom(left, right) => {
                compare("IS NOT DISTINCT FROM", &self.expr(left, scope)?, &self.expr(right, scope)?)
            }
            Expr::Between { expr, negated, low, high } => {
                let value = self.expr(expr, scope)?;
                let low = compare(">=", &value, &self.expr(low, scope)?)?;
                let high = compare("<=", &value, &self.expr(high, scope)?)?;
                let not = if *negated { "NOT " } else { "" };
                Ok(Ex::new(format!("({not}({} AND {}))", low.sql, high.sql), Ty::Bool))
            }
            Expr::Like { negated, any: false, expr, pattern, escape_char: None } => {
                let value = self.expr(expr, scope)?;
                let pattern = self.expr(pattern, scope)?;
                let value = coerce(&value, &Ty::Str, "LIKE")?;
                let pattern = coerce(&pattern, &Ty::Str, "LIKE")?;
                let not = if *negated { "NOT " } else { "" };
                Ok(Ex::new(format!("({value} {not}LIKE {pattern} ESCAPE '\\')"), Ty::Bool))
            }
            Expr::InList { expr, list, negated } => {
                let mut all = vec![self.expr(expr, scope)?];
                for item in list {
                    all.push(self.expr(item, scope)?);
                }
                let (all, _) = meet_all(&all, "operator IN")?;
                let items: Vec<&str> = all[1..].iter().map(|ex| ex.sql.as_str()).collect();
                let not = if *negated { "NOT " } else { "" };
                Ok(Ex::new(format!("({} {not}IN ({}))", all[0].sql, items.join(", ")), Ty::Bool))
            }
            Expr::InSubquery { expr, subquery, negated } => {
                let value = self.expr(expr, scope)?;
                let inner = self.query(subquery, Some(scope))?;
                let [out] = &inner.outs[..] else { return Err("a subquery of IN has one column".into()) };
                let value = meet(&value, &Ex::new("", out.ty.clone()))?;
                if value.ty.with(&out.ty).is_none() {
                    return Err(format!("operator IN does not compare {} with {}", value.ty.name(), out.ty.name()));
                }
                let not = if *negated { "NOT " } else { "" };
                Ok(Ex::new(format!("({} {not}IN ({}))", value.sql, inner.sql), Ty::Bool))
            }
            Expr::InUnnest { expr, array_expr, negated } => {
                let value = self.expr(expr, scope)?;
                let array = self.expr(array_expr, scope)?;
                let Ty::Array(item) = &array.ty else { return Err("UNNEST takes an array".into()) };
                let value = meet(&value, &Ex::new("", (**item).clone()))?;
                if value.ty.with(item).is_none() {
                    return Err(format!("operator IN does not compare {} with {}", value.ty.name(), item.name()));
                }
                let not = if *negated { "NOT " } else { "" };
                Ok(Ex::new(format!("({not}coalesce(list_contains({}, {}), false))", array.sql, value.sql), Ty::Bool))
            }
            Expr::Exists { subquery, negated } => {
                let inner = self.query(subquery, Some(scope))?;
                let not = if *negated { "NOT " } else { "" };
                Ok(Ex::new(format!("({not}EXISTS ({}))", inner.sql), Ty::Bool))
            }
            Expr::Subquery(subquery) => {
                let inner = self.query(subquery, Some(scope))?;
                let [out] = &inner.outs[..] else { return Err("a scalar subquery has one column".into()) };
                Ok(Ex::new(format!("({})", inner.sql), out.ty.clone()))
            }
            Expr::Case { operand, conditions, else_result, .. } => {
                self.case(operand.as_deref(), conditions, else_result.as_deref(), scope)
            }
            Expr::Cast { kind, expr, data_type, format: None } => {
                let safe = matches!(kind, CastKind::SafeCast);
                if !safe && !matches!(kind, CastKind::Cast) {
                    return Err("this kind of cast is not supported; write CAST or SAFE_CAST".into());
                }
                let ex = self.expr(expr, scope)?;
                let ty = self.type_of(data_type)?;
                crate::casts::cast(&ex, &ty, safe)
            }
            Expr::Extract { field, expr, .. } => {
                let (ex, zone) = match &**expr {
                    Expr::AtTimeZone { timestamp, time_zone } => {
                        (self.expr(timestamp, scope)?, Some(self.expr(time_zone, scope)?))
                    }
                    other => (self.expr(other, scope)?, None),
                };
                time::extract(field, &ex, zone.as_ref())
            }
            Expr::Ceil { expr, .. } => self.call_on("CEIL", &[expr], scope),
            Expr::Floor { expr, .. } => self.call_on("FLOOR", &[expr], scope),
            Expr::Substring { expr, substring_from: Some(from), substring_for, .. } => match substring_for {
                Some(count) => self.call_on("SUBSTR", &[expr, from, count], scope),
                None => self.call_on("SUBSTR", &[expr, from], scope),
            },
            Expr::Trim { trim_where: None, trim_what: None, expr, trim_characters } => {
                match trim_characters.as_deref() {
                    None => self.call_on("TRIM", &[expr], scope),
                    Some([set]) => self.call_on("TRIM", &[expr, set], scope),
                    Some(_) => Err("TRIM takes one or two arguments".into()),
                }
            }
            Expr::Function(function) => self.function(function, scope),
            Expr::Interval(interval) => self.interval(interval, scope),
            Expr::Array(array) => {
                let mut items = Vec::new();
                for item in &array.elem {
                    items.push(self.expr(item, scope)?);
                }
                self.array(items)
            }
            Expr::Struct { values, fields } if fields.is_empty() => self.make_struct(values, scope),
            Expr::Tuple(values) => self.make_struct(values, scope),
            other => Err(format!("the expression {} is not supported", short(&other.to_string()))),
        }
    }

    fn call_on(&mut self, name: &str, args: &[&Expr], scope: &Scope) -> Res<Ex> {
        let mut list = Vec::new();
        for arg in args {
            list.push(self.expr(arg, scope)?);
        }
        self.call(name, &list, scope)
    }

    pub fn array(&mut self, items: Vec<Ex>) -> Res<Ex> {
        let (items, ty) = meet_all(&items, "an array")?;
        let ty = if ty == Ty::Null { Ty::Int } else { ty };
        let parts: Vec<String> = items.into_iter().map(|ex| ex.sql).collect();
        let of = Ty::Array(Box::new(ty));
        Ok(Ex::new(format!("CAST([{}] AS {})", parts.join(", "), of.engine()), of))
    }

    fn make_struct(&mut self, values: &[Expr], scope: &Scope) -> Res<Ex> {
        let mut fields: Vec<(String, Ty)> = Vec::new();
        let mut parts = Vec::new();
        for (i, value) in values.iter().enumerate() {
            let (value, name) = match value {
                Expr::Named { expr, name } => (&**expr, Some(name.value.clone())),
                other => (other, None),
            };
            let ex = self.expr(value, scope)?;
            let name = name.or(ex.name.clone()).unwrap_or_else(|| format!("f{i}_"));
            if fields.iter().any(|(other, _)| other.eq_ignore_ascii_case(&name)) {
                return Err(format!("a struct has two fields {name}"));
            }
            parts.push(format!("{} := {}", quoted(&name), ex.sql));
            fields.push((name, ex.ty));
        }
        Ok(Ex::new(format!("struct_pack({})", parts.join(", ")), Ty::Struct(fields)))
    }

    fn test(&mut self, inner: &Expr, word: &str, boolean: bool, scope: &Scope) -> Res<Ex> {
        let ex = self.expr(inner, scope)?;
        if boolean && ex.ty.with(&Ty::Bool).is_none() {
            return Err(format!("operator {word} takes BOOL, not {}", ex.ty.name()));
        }
        Ok(Ex::new(format!("({} {word})", ex.sql), Ty::Bool))
    }

    fn unary(&mut self, op: &UnaryOperator, expr: &Expr, scope: &Scope) -> Res<Ex> {
        // The least integer has no positive counterpart.
        if let (UnaryOperator::Minus, Expr::Value(ValueWithSpan { value: Value::Number(raw, _), .. })) = (op, expr) {
            if let Ok(value) = format!("-{raw}").parse::<i64>() {
                return Ok(integer(value));
            }
        }
        let ex = self.expr(expr, scope)?;
        match op {
            UnaryOperator::Not if ex.ty.with(&Ty::Bool).is_some() => {
                Ok(Ex::new(format!("(NOT {})", ex.sql), Ty::Bool))
            }
            UnaryOperator::Minus if ex.ty.is_number() => Ok(Ex::new(format!("(- {})", ex.sql), ex.ty)),
            UnaryOperator::Plus if ex.ty.is_number() => Ok(ex),
            UnaryOperator::BitwiseNot if ex.ty == Ty::Int => Ok(Ex::new(format!("(~ {})", ex.sql), Ty::Int)),
            _ => Err(format!("no matching signature for operator {op} for argument type {}", ex.ty.name())),
        }
    }

    fn binary(&mut self, left: &Expr, op: &BinaryOperator, right: &Expr, scope: &Scope) -> Res<Ex> {
        let a = self.expr(left, scope)?;
        let b = self.expr(right, scope)?;
        let wrong = || {
            format!("no matching signature for operator {op} for argument types: {}, {}", a.ty.name(), b.ty.name())
        };
        use BinaryOperator::*;
        match op {
            Eq => compare("=", &a, &b),
            NotEq => compare("<>", &a, &b),
            Lt => compare("<", &a, &b),
            LtEq => compare("<=", &a, &b),
            Gt => compare(">", &a, &b),
            GtEq => compare(">=", &a, &b),
            And | Or if a.ty.with(&Ty::Bool).is_some() && b.ty.with(&Ty::Bool).is_some() => {
                let word = if matches!(op, And) { "AND" } else { "OR" };
                Ok(Ex::new(format!("({} {word} {})", a.sql, b.sql), Ty::Bool))
            }
            Plus | Minus if matches!(a.ty, Ty::Timestamp | Ty::Datetime | Ty::Date) && b.ty == Ty::Interval => {
                Ok(Ex::new(format!("({} {op} {})", a.sql, b.sql), a.ty))
            }
            Minus if a.ty == Ty::Date && b.ty == Ty::Date => {
                Ok(Ex::new(format!("to_days(CAST({} - {} AS INTEGER))", a.sql, b.sql), Ty::Interval))
            }
            Plus | Minus | Multiply if a.ty.is_number() && b.ty.is_number() => {
                let ty = match a.ty.with(&b.ty).ok_or_else(wrong)? {
                    Ty::Null => Ty::Int,
                    ty => ty,
                };
                Ok(Ex::new(calculated(&a, &op.to_string(), &b, &ty), ty))
            }
            Divide if a.ty.is_number() && b.ty.is_number() => {
                let (x, y) = (coerce(&a, &Ty::Float, "/")?, coerce(&b, &Ty::Float, "/")?);
                Ok(Ex::new(checked_division(&b, &format!("({x} / {y})")), Ty::Float))
            }
            StringConcat => match (&a.ty, &b.ty) {
                (Ty::Str | Ty::Bytes | Ty::Array(_) | Ty::Null, _) => {
                    let ty = a.ty.with(&b.ty).ok_or_else(wrong)?;
                    if !matches!(ty, Ty::Str | Ty::Bytes | Ty::Array(_)) {
                        return Err(wrong());
                    }
                    Ok(Ex::new(format!("({} || {})", a.sql, b.sql), ty))
                }
                _ => Err(wrong()),
            },
            BitwiseAnd | BitwiseOr | PGBitwiseShiftLeft | PGBitwiseShiftRight
                if a.ty == Ty::Int && b.ty == Ty::Int =>
            {
                Ok(Ex::new(format!("({} {op} {})", a.sql, b.sql), Ty::Int))
            }
            BitwiseXor if a.ty == Ty::Int && b.ty == Ty::Int => {
                Ok(Ex::new(format!("xor({}, {})", a.sql, b.sql), Ty::Int))
            }
            _ => Err(wrong()),
        }
    }

    fn case(
        &mut self,
        operand: Option<&Expr>,
        conditions: &[CaseWhen],
        otherwise: Option<&Expr>,
        scope: &Scope,
    ) -> Res<Ex> {
        let operand = operand.map(|expr| self.expr(expr, scope)).transpose()?;
        let mut tests = Vec::new();
        let mut results = Vec::new();
        for branch in conditions {
            let test = match &operand {
                None => self.condition(&branch.condition, scope, "CASE")?,
                Some(operand) => compare("=", operand, &self.expr(&branch.condition, scope)?)?.sql,
            };
            tests.push(test);
            results.push(self.expr(&branch.result, scope)?);
        }
        if let Some(otherwise) = otherwise {
            results.push(self.expr(otherwise, scope)?);
        }
        let (results, ty) = meet_all(&results, "CASE")?;
        let mut sql = String::from("CASE");
        for (i, test) in tests.iter().enumerate() {
            sql += &format!(" WHEN {test} THEN {}", results[i].sql);
        }
        if let Some(last) = results.get(tests.len()) {
            sql += &format!(" ELSE {}", last.sql);
        }
        Ok(Ex::new(sql + " END", ty))
    }

    fn access(&mut self, root: &Expr, chain: &[AccessExpr], scope: &Scope) -> Res<Ex> {
        let mut chain = chain;
        let mut ex = None;
        // The newest row of a group: the first of an ordered list, for which no list is made.
        if let (Expr::Function(function), Some(AccessExpr::Subscript(Subscript::Index { index }))) = (root, chain.first())
        {
            if subscript(index).is_some_and(|(kind, at)| {
                matches!((kind, at), (Place::Offset, Some(0)) | (Place::Ordinal, Some(1)))
            }) {
                ex = self.first_of_array_agg(function, scope)?;
                if ex.is_some() {
                    chain = &chain[1..];
                }
            }
        }
        let mut ex = match ex {
            Some(ex) => ex,
            None => self.expr(root, scope)?,
        };
        for step in chain {
            ex = match step {
                AccessExpr::Dot(Expr::Identifier(name)) => field(&ex, &name.value)?,
                AccessExpr::Subscript(Subscript::Index { index }) => self.element(&ex, index, scope)?,
                other => return Err(format!("{other} is not supported")),
            };
        }
        Ok(ex)
    }

    fn element(&mut self, array: &Ex, index: &Expr, scope: &Scope) -> Res<Ex> {
        let Ty::Array(item) = &array.ty else {
            return Err(format!("element access using [] is not supported on values of type {}", array.ty.name()));
        };
        let (place, _) = subscript(index).ok_or("write [OFFSET(i)] or [ORDINAL(i)]")?;
        let at = self.expr(argument_of(index)?, scope)?;
        let at = coerce(&at, &Ty::Int, "an array's subscript")?;
        let at = if place.from_one() { at } else { format!("({at} + 1)") };
        let list = &array.sql;
        let otherwise = if place.safe() { "NULL".into() } else { format!("error({})", text("array index is out of bounds")) };
        let sql = format!(
            "CASE WHEN {list} IS NULL OR {at} IS NULL THEN NULL WHEN {at} BETWEEN 1 AND len({list}) \
             THEN ({list})[{at}] ELSE {otherwise} END"
        );
        Ok(Ex::new(sql, (**item).clone()))
    }

    pub fn type_of(&self, ty: &DataType) -> Res<Ty> {
        Ok(match ty {
            DataType::Int64 | DataType::BigInt(None) | DataType::Int(None) | DataType::Integer(None) => Ty::Int,
            DataType::SmallInt(None) | DataType::TinyInt(None) => Ty::Int,
            DataType::Float64 => Ty::Float,
            DataType::Numeric(_) | DataType::BigNumeric(_) | DataType::Decimal(_) | DataType::BigDecimal(_) => Ty::Numeric,
            DataType::Bool | DataType::Boolean => Ty::Bool,
            DataType::String(None) => Ty::Str,
            DataType::Bytes(None) => Ty::Bytes,
            DataType::Timestamp(None, TimezoneInfo::None) => Ty::Timestamp,
            DataType::Date => Ty::Date,
            DataType::Datetime(None) => Ty::Datetime,
            DataType::Time(None, TimezoneInfo::None) => Ty::Time,
            other => return Err(format!("type not found: {}", short(&other.to_string()))),
        })
    }
}

/// Divide, but fail on a divisor of zero.
pub fn checked_division(divisor: &Ex, quotient: &str) -> String {
    if matches!(divisor.lit, Lit::Int(value) if value != 0) {
        return quotient.into();
    }
    format!("CASE WHEN {} = 0 THEN error('division by zero') ELSE {quotient} END", divisor.sql)
}

pub fn short(text: &str) -> String {
    let mut out: String = text.chars().take(60).collect();
    if out.len() < text.len() {
        out.push('…');
    }
    out
}

#[derive(Clone, Copy)]
pub enum Place {
    Offset,
    Ordinal,
    SafeOffset,
    SafeOrdinal,
}

impl Place {
    fn from_one(self) -> bool {
        matches!(self, Place::Ordinal | Place::SafeOrdinal)
    }
    fn safe(self) -> bool {
        matches!(self, Place::SafeOffset | Place::SafeOrdinal)
    }
}

fn argument_of(index: &Expr) -> Res<&Expr> {
    if let Expr::Function(Function { args: FunctionArguments::List(list), .. }) = index {
        if let [FunctionArg::Unnamed(FunctionArgExpr::Expr(arg))] = &list.args[..] {
            return Ok(arg);
        }
    }
    Err("write [OFFSET(i)] or [ORDINAL(i)]".into())
}

/// How a subscript counts, and its value where that is a literal.
fn subscript(index: &Expr) -> Option<(Place, Option<i64>)> {
    let Expr::Function(function) = index else { return None };
    let place = match function.name.to_string().to_uppercase().as_str() {
        "OFFSET" => Place::Offset,
        "ORDINAL" => Place::Ordinal,
        "SAFE_OFFSET" => Place::SafeOffset,
        "SAFE_ORDINAL" => Place::SafeOrdinal,
        _ => return None,
    };
    let value = match argument_of(index).ok()? {
        Expr::Value(ValueWithSpan { value: Value::Number(raw, _), .. }) => raw.parse().ok(),
        _ => None,
    };
    Some((place, value))
}
