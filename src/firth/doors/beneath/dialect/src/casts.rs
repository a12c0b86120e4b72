//! CAST and SAFE_CAST.

use crate::types::{unbounded, Ex, Lit, Res, Ty};

/// `value` where `test` holds, else an error that begins with `problem`; null stays null.
fn checked(of: &str, test: &str, value: &str, problem: &str, safe: bool) -> String {
    if safe {
        return format!("CASE WHEN {test} THEN {value} END");
    }
    format!(
        "CASE WHEN {of} IS NULL THEN NULL WHEN {test} THEN {value} \
         ELSE error('{problem}: ' || left({of}, 80)) END"
    )
}

/// Text as a NUMERIC: whole numbers of any length, others of at most 38 digits.
fn numeric(s: &str, safe: bool) -> String {
    let other = unbounded(&format!("CAST({s} AS DECIMAL(38,0))"));
    let other = if safe { format!("TRY({other})") } else { other };
    format!("CASE WHEN regexp_full_match({s}, '\\s*[+-]?[0-9]+\\s*') THEN CAST(trim({s}) AS BIGNUM) ELSE {other} END")
}

pub fn cast(ex: &Ex, to: &Ty, safe: bool) -> Res<Ex> {
    let from = &ex.ty;
    let s = &ex.sql;
    let word = if safe { "TRY_CAST" } else { "CAST" };
    let plain = |to: &Ty| format!("{word}({s} AS {})", to.engine());
    let sql = match (from, to) {
        (Ty::Null, _) => format!("CAST(NULL AS {})", to.engine()),
        (a, b) if a == b => s.clone(),
        (Ty::Int | Ty::Bool, Ty::Str) => plain(to),
        (Ty::Numeric, Ty::Str) => plain(to),
        (Ty::Float, Ty::Str) => format!("regexp_replace(CAST({s} AS VARCHAR), '\\.0$', '')"),
        (Ty::Bytes, Ty::Str) if safe => format!("TRY(decode({s}))"),
        (Ty::Bytes, Ty::Str) => format!("decode({s})"),
        (Ty::Str, Ty::Bytes) => format!("encode({s})"),
        (Ty::Timestamp, Ty::Str) => format!("(CAST({s} AS VARCHAR) || '+00')"),
        (Ty::Date | Ty::Datetime | Ty::Time, Ty::Str) => plain(to),
        (Ty::Float, Ty::Int) => format!("{word}(round({s}) AS BIGINT)"),
        (Ty::Numeric, Ty::Int) if safe => format!("TRY(CAST({s} AS BIGINT))"),
        (Ty::Numeric | Ty::Bool, Ty::Int) => plain(to),
        (Ty::Str, Ty::Int) => checked(
            s,
            &format!("regexp_full_match({s}, '\\s*[+-]?([0-9]+|0[xX][0-9a-fA-F]+)\\s*')"),
            &format!(
                "CASE WHEN regexp_full_match({s}, '\\s*-0[xX].*') THEN - {word}(replace(trim({s}, {0}), '-', '') AS BIGINT) \
                 ELSE {word}(trim({s}, {0}) AS BIGINT) END",
                crate::functions::SPACES
            ),
            "bad INT64 value",
            safe,
        ),
        (Ty::Int | Ty::Numeric, Ty::Float) => plain(to),
        (Ty::Str, Ty::Float) => checked(
            s,
            &format!("regexp_full_match({s}, '(?i)\\s*[+-]?([0-9]+\\.?[0-9]*(e[+-]?[0-9]+)?|\\.[0-9]+(e[+-]?[0-9]+)?|inf|infinity|nan)\\s*')"),
            &plain(to),
            "bad double value",
            safe,
        ),
        (Ty::Int, Ty::Numeric) => plain(to),
        (Ty::Float, Ty::Numeric) => format!("{word}(round(CAST({s} AS DOUBLE)) AS BIGNUM)"),
        (Ty::Str, Ty::Numeric) => checked(
            s,
            &format!("regexp_full_match({s}, '(?i)\\s*[+-]?[0-9]{{1,128}}(\\.[0-9]{{0,128}})?(e[+-]?[0-9]{{1,4}})?\\s*')"),
            &numeric(s, safe),
            "invalid NUMERIC value",
            safe,
        ),
        (Ty::Int, Ty::Bool) => format!("({s} <> 0)"),
        (Ty::Str, Ty::Bool) => {
            checked(s, &format!("lower({s}) IN ('true', 'false')"), &format!("(lower({s}) = 'true')"), "bad bool value", safe)
        }
        (Ty::Str, Ty::Timestamp) => match &ex.lit {
            Lit::Str(value) if !safe => return crate::time::literal(to, value).map(|ex| Ex { name: None, ..ex }),
            _ => format!("CAST({word}({s} AS TIMESTAMPTZ) AS TIMESTAMP)"),
        },
        (Ty::Str, Ty::Date | Ty::Datetime | Ty::Time) => plain(to),
        (Ty::Date, Ty::Timestamp | Ty::Datetime)
        | (Ty::Timestamp | Ty::Datetime, Ty::Date | Ty::Time)
        | (Ty::Timestamp, Ty::Datetime)
        | (Ty::Datetime, Ty::Timestamp) => plain(to),
        _ => return Err(format!("invalid cast from {} to {}", from.name(), to.name())),
    };
    Ok(Ex::new(sql, to.clone()))
}
