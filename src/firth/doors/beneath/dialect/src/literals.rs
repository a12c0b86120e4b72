//! Literals and names as the dialect writes them.

use crate::types::{text, Ex, Lit, Res, Ty};
use sqlparser::ast::Value;

/// A literal's bytes: backslash escapes taken out, and doubled quotes.
pub fn unescape(raw: &str, quote: char, bytes: bool) -> Res<Vec<u8>> {
    let mut out = Vec::with_capacity(raw.len());
    let mut chars = raw.chars().peekable();
    while let Some(c) = chars.next() {
        if c == quote && chars.peek() == Some(&quote) {
            chars.next();
            out.push(quote as u8);
            continue;
        }
        if c != '\\' {
            push(&mut out, c);
            continue;
        }
        let escape = chars.next().ok_or("a literal ends in a backslash")?;
        let code = match escape {
            'a' => 7,
            'b' => 8,
            'f' => 12,
            'n' => 10,
            'r' => 13,
            't' => 9,
            'v' => 11,
            '\\' | '?' | '"' | '\'' | '`' => escape as u32,
            'x' | 'X' => digits(&mut chars, 2, 16)?,
            'u' if !bytes => digits(&mut chars, 4, 16)?,
            'U' if !bytes => digits(&mut chars, 8, 16)?,
            '0'..='3' => (escape as u32 - '0' as u32) * 64 + digits(&mut chars, 2, 8)?,
            other => return Err(format!("illegal escape sequence \\{other} in a literal")),
        };
        if bytes {
            out.push(code as u8);
        } else {
            push(&mut out, char::from_u32(code).ok_or("an escape sequence names no character")?);
        }
    }
    Ok(out)
}

fn push(out: &mut Vec<u8>, c: char) {
    let mut buffer = [0; 4];
    out.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes());
}

fn digits(chars: &mut impl Iterator<Item = char>, count: usize, radix: u32) -> Res<u32> {
    let mut code: u32 = 0;
    for _ in 0..count {
        let digit = chars.next().and_then(|c| c.to_digit(radix));
        code = code * radix + digit.ok_or("an escape sequence in a literal is too short")?;
    }
    Ok(code)
}

pub fn string(value: &str) -> Res<Ex> {
    if value.contains('\0') {
        return Err("a string literal may not hold the character 0".into());
    }
    Ok(Ex { sql: text(value), ty: Ty::Str, lit: Lit::Str(value.into()), name: None })
}

fn escaped(raw: &str, quote: char) -> Res<Ex> {
    let bytes = unescape(raw, quote, false)?;
    string(&String::from_utf8(bytes).map_err(|_| "a string literal is not UTF-8")?)
}

fn blob(bytes: &[u8]) -> Ex {
    let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
    Ex::new(format!("unhex('{hex}')"), Ty::Bytes)
}

pub fn integer(value: i64) -> Ex {
    Ex { sql: format!("CAST({value} AS BIGINT)"), ty: Ty::Int, lit: Lit::Int(value), name: None }
}

fn number(raw: &str) -> Res<Ex> {
    if raw.bytes().all(|b| b.is_ascii_digit()) {
        let value = raw.parse::<i64>().map_err(|_| format!("invalid integer literal: {raw}"))?;
        return Ok(integer(value));
    }
    let value: f64 = raw.parse().map_err(|_| format!("invalid floating point literal: {raw}"))?;
    if !value.is_finite() {
        return Err(format!("invalid floating point literal: {raw}"));
    }
    Ok(Ex { sql: format!("CAST({} AS DOUBLE)", text(raw)), ty: Ty::Float, lit: Lit::Float, name: None })
}

pub fn literal(value: &Value) -> Res<Ex> {
    match value {
        Value::Null => Ok(Ex::null()),
        Value::Boolean(b) => Ok(Ex::new(if *b { "true" } else { "false" }, Ty::Bool)),
        Value::Number(raw, false) => number(raw),
        Value::SingleQuotedString(raw) | Value::TripleSingleQuotedString(raw) => escaped(raw, '\''),
        Value::DoubleQuotedString(raw) | Value::TripleDoubleQuotedString(raw) => escaped(raw, '"'),
        Value::SingleQuotedRawStringLiteral(raw)
        | Value::DoubleQuotedRawStringLiteral(raw)
        | Value::TripleSingleQuotedRawStringLiteral(raw)
        | Value::TripleDoubleQuotedRawStringLiteral(raw) => string(raw),
        Value::SingleQuotedByteStringLiteral(raw) | Value::TripleSingleQuotedByteStringLiteral(raw) => {
            Ok(blob(&unescape(raw, '\'', true)?))
        }
        Value::DoubleQuotedByteStringLiteral(raw) | Value::TripleDoubleQuotedByteStringLiteral(raw) => {
            Ok(blob(&unescape(raw, '"', true)?))
        }
        Value::HexStringLiteral(raw) => match i64::from_str_radix(raw, 16) {
            Ok(value) => Ok(integer(value)),
            Err(_) => Err(format!("invalid integer literal: 0x{raw}")),
        },
        Value::Placeholder(_) => Err("parameters are not supported; write the values".into()),
        other => Err(format!("the literal {other} is not supported")),
    }
}

/// The table that a name with a slash means, as `organization/project/table`.
pub fn table_path(name: &str) -> Res<String> {
    let parts: Vec<&str> = name.trim_matches('/').split('/').collect();
    let bad = || format!("'{name}' is not of the form organization/project/table");
    if parts.len() != 3 {
        return Err(bad());
    }
    let last = parts[2];
    let prefixed = last.get(..6).is_some_and(|p| p.eq_ignore_ascii_case("table:"));
    let last = if prefixed { &last[6..] } else { last };
    let parts = [parts[0], parts[1], last];
    if parts.iter().any(|part| part.is_empty()) {
        return Err(bad());
    }
    Ok(parts.join("/").to_lowercase().replace('-', "_"))
}
