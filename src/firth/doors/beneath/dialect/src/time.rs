//! Timestamps and dates. The engine's TIMESTAMP counts microseconds of UTC.

use crate::analyzer::{coerce, Analyzer};
use crate::scope::Scope;
use crate::types::{text, Ex, Lit, Res, Ty};
use sqlparser::ast::{DateTimeField, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Interval};

pub fn from_text(sql: &str) -> String {
    format!("CAST(CAST({sql} AS TIMESTAMPTZ) AS TIMESTAMP)")
}

/// `2021-03-04`, then maybe a time, then maybe a zone.
fn looks_like_time(value: &str) -> bool {
    let date: Vec<&str> = value.splitn(3, '-').collect();
    let digits = |part: &str, most: usize| {
        !part.is_empty() && part.len() <= most && part.bytes().all(|b| b.is_ascii_digit())
    };
    if date.len() != 3 || !digits(date[0], 4) || date[0].len() != 4 || !digits(date[1], 2) {
        return false;
    }
    let day: String = date[2].chars().take_while(char::is_ascii_digit).collect();
    let rest = &date[2][day.len()..];
    digits(&day, 2) && (rest.is_empty() || rest.starts_with([' ', 'T', 't', '+', '-', 'Z', 'z']))
}

/// A string literal where a value of type `ty` is wanted.
pub fn literal(ty: &Ty, value: &str) -> Res<Ex> {
    let trimmed = value.trim();
    let known = match ty {
        Ty::Time => trimmed.contains(':'),
        _ => looks_like_time(trimmed),
    };
    if !known {
        return Err(format!("could not cast literal {} to type {}", text(&crate::analyzer::short(value)), ty.name()));
    }
    let sql = match ty {
        Ty::Timestamp => from_text(&text(trimmed)),
        _ => format!("CAST({} AS {})", text(trimmed), ty.engine()),
    };
    Ok(Ex::new(sql, ty.clone()))
}

pub fn typed_literal(ty: &Ty, value: &str) -> Res<Ex> {
    match ty {
        Ty::Timestamp | Ty::Date | Ty::Datetime | Ty::Time => literal(ty, value),
        Ty::Numeric => crate::casts::cast(&Ex { lit: Lit::Str(value.into()), ..Ex::new(text(value), Ty::Str) }, ty, false),
        other => Err(format!("there are no literals of type {} of this form", other.name())),
    }
}

pub fn part_name(field: &DateTimeField) -> String {
    match field {
        DateTimeField::Week(Some(day)) => format!("WEEK({})", day.value.to_uppercase()),
        other => other.to_string().to_uppercase(),
    }
}

fn truncated(sql: &str, part: &str) -> Res<String> {
    let days = match part {
        "WEEK" | "WEEK(SUNDAY)" => Some(1),
        "WEEK(MONDAY)" | "ISOWEEK" => Some(0),
        "WEEK(TUESDAY)" => Some(6),
        "WEEK(WEDNESDAY)" => Some(5),
        "WEEK(THURSDAY)" => Some(4),
        "WEEK(FRIDAY)" => Some(3),
        "WEEK(SATURDAY)" => Some(2),
        "MICROSECOND" | "MILLISECOND" | "SECOND" | "MINUTE" | "HOUR" | "DAY" | "MONTH" | "QUARTER" | "YEAR" => None,
        "ISOYEAR" => return Ok(format!("date_trunc('isoyear', {sql})")),
        other => return Err(format!("{} is no part that a time can be truncated to", crate::analyzer::short(other))),
    };
    // The engine's weeks begin on Monday.
    Ok(match days {
        Some(0) => format!("date_trunc('week', {sql})"),
        Some(days) => format!("(date_trunc('week', {sql} + to_days({days})) - to_days({days}))"),
        None => format!("date_trunc('{}', {sql})", part.to_lowercase()),
    })
}

pub fn extract(field: &DateTimeField, of: &Ex, zone: Option<&Ex>) -> Res<Ex> {
    if !matches!(of.ty, Ty::Timestamp | Ty::Date | Ty::Datetime | Ty::Time | Ty::Null) {
        return Err(format!("EXTRACT takes a TIMESTAMP, DATE, DATETIME or TIME, not {}", of.ty.name()));
    }
    let sql = match zone {
        Some(zone) if of.ty == Ty::Timestamp => {
            format!("timezone({}, CAST({} AS TIMESTAMPTZ))", coerce(zone, &Ty::Str, "AT TIME ZONE")?, of.sql)
        }
        Some(_) => return Err("AT TIME ZONE takes a TIMESTAMP".into()),
        None => of.sql.clone(),
    };
    let part = part_name(field);
    let value = match part.as_str() {
        "YEAR" | "QUARTER" | "MONTH" | "DAY" | "HOUR" | "MINUTE" | "SECOND" => format!("date_part('{part}', {sql})"),
        "MILLISECOND" => format!("date_part('millisecond', {sql}) % 1000"),
        "MICROSECOND" => format!("date_part('microsecond', {sql}) % 1000000"),
        "DAYOFWEEK" => format!("date_part('dow', {sql}) + 1"),
        "DAYOFYEAR" => format!("date_part('doy', {sql})"),
        "ISOWEEK" => format!("date_part('week', {sql})"),
        "ISOYEAR" => format!("date_part('isoyear', {sql})"),
        "WEEK" | "WEEK(SUNDAY)" => format!("CAST(strftime({sql}, '%U') AS BIGINT)"),
        "WEEK(MONDAY)" => format!("CAST(strftime({sql}, '%W') AS BIGINT)"),
        "DATE" => return Ok(Ex::new(format!("CAST({sql} AS DATE)"), Ty::Date)),
        other => return Err(format!("{} is no part that can be extracted", crate::analyzer::short(other))),
    };
    Ok(Ex::new(format!("CAST({value} AS BIGINT)"), Ty::Int))
}

/// Microseconds of a part that is always as long.
fn unit(part: &str) -> Res<i64> {
    Ok(match part {
        "MICROSECOND" => 1,
        "MILLISECOND" => 1_000,
        "SECOND" => 1_000_000,
        "MINUTE" => 60_000_000,
        "HOUR" => 3_600_000_000,
        "DAY" => 86_400_000_000,
        other => return Err(format!("{} is no part that can be added to a TIMESTAMP", crate::analyzer::short(other))),
    })
}

/// The word that a part is written as, where an argument is a bare word.
fn word(expr: &Expr) -> Res<String> {
    match expr {
        Expr::Identifier(ident) => Ok(ident.value.to_uppercase()),
        Expr::Function(function) => {
            if let FunctionArguments::List(list) = &function.args {
                if let [FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Identifier(day)))] = &list.args[..] {
                    return Ok(format!("{}({})", function.name.to_string().to_uppercase(), day.value.to_uppercase()));
                }
            }
            Err("a part of a time is a bare word".into())
        }
        _ => Err("a part of a time is a bare word".into()),
    }
}

impl Analyzer<'_> {
    pub fn interval(&mut self, interval: &Interval, scope: &Scope) -> Res<Ex> {
        if interval.last_field.is_some() || interval.leading_precision.is_some() {
            return Err("this form of INTERVAL is not supported".into());
        }
        let part = interval.leading_field.as_ref().map(part_name).ok_or("INTERVAL takes a part, such as DAY")?;
        let count = self.expr(&interval.value, scope)?;
        let count = match &count.lit {
            Lit::Str(value) => {
                let value: i64 = value.trim().parse().map_err(|_| "INTERVAL takes an integer")?;
                format!("CAST({value} AS BIGINT)")
            }
            _ => coerce(&count, &Ty::Int, "INTERVAL")?,
        };
        let sql = match part.as_str() {
            "YEAR" => format!("to_years(CAST({count} AS INTEGER))"),
            "QUARTER" => format!("to_months(CAST({count} * 3 AS INTEGER))"),
            "MONTH" => format!("to_months(CAST({count} AS INTEGER))"),
            "WEEK" => format!("to_days(CAST({count} * 7 AS INTEGER))"),
            "DAY" => format!("to_days(CAST({count} AS INTEGER))"),
            other => format!("to_microseconds({count} * {})", unit(other)?),
        };
        Ok(Ex::new(sql, Ty::Interval))
    }

    /// A function with a part of a time among its arguments; none if `name` is not one.
    pub fn part_function(&mut self, name: &str, args: &[&Expr], _: &Function, scope: &Scope) -> Res<Option<Ex>> {
        let (kind, action) = match name.split_once('_') {
            Some((kind, action)) if matches!(kind, "TIMESTAMP" | "DATE" | "DATETIME") => (kind, action),
            _ => return Ok(None),
        };
        let ty = match kind {
            "TIMESTAMP" => Ty::Timestamp,
            "DATE" => Ty::Date,
            _ => Ty::Datetime,
        };
        let ex = match (action, args) {
            ("TRUNC", [value, part]) => {
                let value = self.expr(value, scope)?;
                let sql = truncated(&coerce(&value, &ty, name)?, &word(part)?)?;
                Ex::new(format!("CAST({sql} AS {})", ty.engine()), ty)
            }
            ("DIFF", [later, earlier, part]) => {
                let later = coerce(&self.expr(later, scope)?, &ty, name)?;
                let earlier = coerce(&self.expr(earlier, scope)?, &ty, name)?;
                let part = word(part)?;
                let sql = if kind == "TIMESTAMP" {
                    format!(
                        "CAST(trunc((epoch_us({later}) - epoch_us({earlier})) / CAST({} AS BIGINT)) AS BIGINT)",
                        unit(&part)?
                    )
                } else if matches!(part.as_str(), "DAY" | "MONTH" | "QUARTER" | "YEAR" | "HOUR" | "MINUTE" | "SECOND") {
                    format!("date_diff('{}', {earlier}, {later})", part.to_lowercase())
                } else {
                    return Err(format!("{} is no part that {name} counts", crate::analyzer::short(&part)));
                };
                Ex::new(sql, Ty::Int)
            }
            ("ADD" | "SUB", [value, Expr::Interval(interval)]) => {
                let value = coerce(&self.expr(value, scope)?, &ty, name)?;
                let part = interval.leading_field.as_ref().map(part_name).unwrap_or_default();
                if kind == "TIMESTAMP" {
                    unit(&part)?;
                }
                let sign = if action == "ADD" { "+" } else { "-" };
                let interval = self.interval(interval, scope)?;
                Ex::new(format!("CAST({value} {sign} {} AS {})", interval.sql, ty.engine()), ty)
            }
            ("TRUNC" | "DIFF" | "ADD" | "SUB", _) => return Err(format!("{name} takes other arguments")),
            _ => return Ok(None),
        };
        Ok(Some(ex))
    }
}

/// A format of the dialect as the engine's.
pub fn format(pattern: &str) -> Res<String> {
    let mut out = String::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let bad = || format!("the format {} is not supported", text(&crate::analyzer::short(pattern)));
        match chars.next().ok_or_else(bad)? {
            'F' => out += "%Y-%m-%d",
            'T' => out += "%H:%M:%S",
            'R' => out += "%H:%M",
            'D' | 'x' => out += "%m/%d/%y",
            'X' => out += "%H:%M:%S",
            'c' => out += "%a %b %-d %H:%M:%S %Y",
            'h' => out += "%b",
            'n' => out.push('\n'),
            't' => out.push('\t'),
            'Z' => out += "UTC",
            'z' => out += "+0000",
            'E' => match chars.next().ok_or_else(bad)? {
                '4' if chars.next() == Some('Y') => out += "%Y",
                '3' if chars.next() == Some('S') => out += "%S.%g",
                '6' | '*' if chars.next() == Some('S') => out += "%S.%f",
                'z' => out += "+00:00",
                _ => return Err(bad()),
            },
            known if "aAbBdHIjmMpSUuwWyYGV%".contains(known) => {
                out.push('%');
                out.push(known);
            }
            _ => return Err(bad()),
        }
    }
    Ok(out)
}
