//! Whole statements.

use crate::analyzer::{Analyzer, Table, SQL_BYTES_MAX};
use crate::literals::table_path;
use crate::types::{quoted, Res, Ty};
use serde_json::{json, Map, Value as Json};
use sqlparser::ast::*;
use sqlparser::dialect::BigQueryDialect;
use sqlparser::parser::{Parser, ParserOptions};
use sqlparser::tokenizer::{Token, Tokenizer};

const STATEMENT_BYTES_MAX: usize = 256 << 10;
const TOKENS_MAX: usize = 50_000;
const PARSER_DEPTH_MAX: usize = 120;
/// Stands where the number of a commit is to be written.
const AFTER: &str = "$after";
const OUTPUT_NAME_MAX: usize = 64;

fn tokens(sql: &str) -> Res<Vec<sqlparser::tokenizer::TokenWithSpan>> {
    if sql.len() > STATEMENT_BYTES_MAX {
        return Err(format!("a statement has at most {STATEMENT_BYTES_MAX} bytes"));
    }
    let tokens = Tokenizer::new(&BigQueryDialect, sql)
        .with_unescape(false)
        .tokenize_with_location()
        .map_err(|e| format!("syntax error: {e}"))?;
    if tokens.len() > TOKENS_MAX {
        return Err("the statement is too long".into());
    }
    Ok(tokens)
}

fn parse(sql: &str) -> Res<Query> {
    let options = ParserOptions::new().with_trailing_commas(false).with_unescape(false);
    let mut parser = Parser::new(&BigQueryDialect)
        .with_options(options)
        .with_recursion_limit(PARSER_DEPTH_MAX)
        .with_tokens_with_locations(tokens(sql)?);
    let mut statements = parser.parse_statements().map_err(|e| {
        let text = e.to_string();
        format!("syntax error: {}", text.strip_prefix("sql parser error: ").unwrap_or(&text))
    })?;
    match (statements.pop(), statements.is_empty()) {
        (Some(Statement::Query(query)), true) => Ok(*query),
        (Some(_), true) => Err("only SELECT statements are taken".into()),
        (Some(_), false) => Err("one statement at a time is taken".into()),
        (None, _) => Err("the query is empty".into()),
    }
}

/// Stored tables by their paths, each once: names in backticks with a slash.
pub fn tables(sql: &str) -> Res<Vec<String>> {
    parse(sql)?;
    let mut out: Vec<String> = Vec::new();
    for token in tokens(sql)? {
        if let Token::Word(word) = &token.token {
            if word.quote_style == Some('`') && word.value.contains('/') {
                let path = table_path(&word.value)?;
                if !out.contains(&path) {
                    out.push(path);
                }
            }
        }
    }
    Ok(out)
}

fn field<'j>(of: &'j Json, name: &str) -> Res<&'j Json> {
    of.get(name).ok_or_else(|| format!("the request has no {name}"))
}

/// The part of a key that a column is, as bytes in the order of its values; `last`: nothing follows it.
fn key_part(name: &str, ty: &Ty, last: bool) -> String {
    let column = quoted(name);
    match ty {
        Ty::Int => format!(
            "unhex(lpad(hex(CAST(CAST({column} AS HUGEINT) + 9223372036854775808 AS UBIGINT)), 16, '0'))"
        ),
        Ty::Timestamp => format!(
            "unhex(lpad(hex(CAST(CAST(epoch_us(CAST({column} AS TIMESTAMP)) AS HUGEINT) + 9223372036854775808 \
             AS UBIGINT)), 16, '0'))"
        ),
        Ty::Str if last => format!("encode({column})"),
        Ty::Str => format!("encode(replace({column}, chr(0), chr(0) || chr(1)) || chr(0) || chr(0))"),
        Ty::Bytes if last => format!("CAST({column} AS BLOB)"),
        Ty::Bytes => format!("encode(hex(CAST({column} AS BLOB)) || chr(0))"),
        _ => format!("encode(CAST({column} AS VARCHAR) || chr(0))"),
    }
}

/// A table as the request describes it: `columns` [[name, type, stored name]…]; `key` [name…]; `time`: the column of the
/// records' own times, or null; `since_us`: rows of earlier times have expired, or null; `changes`: the kinds
/// of changes that are rows, or null for all.
fn table(path: &str, given: &Json) -> Res<Table> {
    let bad = || "a table's description cannot be read".to_string();
    let mut columns = Vec::new();
    let mut stored = Vec::new();
    let mut parts = Vec::new();
    // Sizes are counted of what is stored.
    let mut sized = Vec::new();
    for column in field(given, "columns")?.as_array().ok_or_else(bad)? {
        let name = column.get(0).and_then(Json::as_str).ok_or_else(bad)?;
        let ty = Ty::from_json(column.get(1).ok_or_else(bad)?)?;
        let held = column.get(2).and_then(Json::as_str).ok_or_else(bad)?;
        let value = if ty.has_numeric() {
            format!("CAST({} AS {})", quoted(held), ty.stored())
        } else {
            quoted(held)
        };
        parts.push(format!("CAST({value} AS {}) AS {}", ty.engine(), quoted(name)));
        let plain = format!("{} AS {}", quoted(held), quoted(name));
        sized.push(if ty.has_numeric() { plain } else { parts[parts.len() - 1].clone() });
        stored.push(held.to_string());
        columns.push((name.to_string(), ty));
    }
    let key: Vec<&str> = field(given, "key")?.as_array().ok_or_else(bad)?.iter().filter_map(Json::as_str).collect();
    let key_sql = if key.is_empty() {
        // A row that has no key is itself: a commit and a place in a log.
        format!("({} || {})", key_part("__commit", &Ty::Int, false), key_part("__offset", &Ty::Int, true))
    } else {
        let mut pieces = Vec::new();
        for (i, name) in key.iter().enumerate() {
            let at = stored.iter().position(|column| column == name).ok_or_else(bad)?;
            let ty = &columns[at].1;
            pieces.push(key_part(name, ty, i + 1 == key.len()));
        }
        format!("({})", pieces.join(" || "))
    };
    let commit_time = "CAST(\"__time\" AS TIMESTAMP)";
    let time_sql = match field(given, "time")?.as_str() {
        Some(name) => format!("coalesce(CAST({} AS TIMESTAMP), {commit_time})", quoted(name)),
        None => commit_time.to_string(),
    };
    for list in [&mut parts, &mut sized] {
        list.push(format!("{key_sql} AS \"__key\""));
        list.push(format!("{time_sql} AS \"__timestamp\""));
    }
    let mut conditions = Vec::new();
    if let Some(since) = field(given, "since_us")?.as_i64() {
        conditions.push(format!("{time_sql} > make_timestamp(CAST({since} AS BIGINT))"));
    }
    if let Some(changes) = field(given, "changes")?.as_array() {
        let list: Vec<String> = changes.iter().map(Json::to_string).collect();
        conditions.push(format!("\"__change\" IN ({})", list.join(", ")));
    }
    let filter = if conditions.is_empty() { String::new() } else { format!(" WHERE {}", conditions.join(" AND ")) };
    conditions.push(format!("\"__commit\" > {AFTER}"));
    let newer = format!(" WHERE {}", conditions.join(" AND "));
    let rows = |list: &[String]| format!("SELECT {} FROM {}", list.join(", "), quoted(path));
    Ok(Table {
        path: path.to_string(),
        columns,
        hidden: vec![("__key".into(), Ty::Bytes), ("__timestamp".into(), Ty::Timestamp)],
        sql: format!("({}{filter})", rows(&parts)),
        newer_sql: format!("({}{newer})", rows(&sized)),
    })
}

/// The size of a column's value, as scans are counted.
fn size_of(sql: &str, ty: &Ty, depth: usize) -> String {
    match ty {
        Ty::Bool => format!("CASE WHEN {sql} IS NULL THEN 0 ELSE 1 END"),
        Ty::Numeric => format!("CASE WHEN {sql} IS NULL THEN 0 ELSE 16 END"),
        Ty::Str => format!("coalesce(2 + strlen({sql}), 0)"),
        Ty::Bytes => format!("coalesce(2 + octet_length({sql}), 0)"),
        Ty::Array(item) => {
            let x = format!("x{depth}");
            let inner = size_of(&x, item, depth + 1);
            format!("coalesce(list_sum(list_transform({sql}, lambda {x}: {inner})), 0)")
        }
        Ty::Struct(fields) => {
            let parts: Vec<String> = fields
                .iter()
                .map(|(name, ty)| size_of(&format!("struct_extract({sql}, {})", crate::types::text(name)), ty, depth))
                .collect();
            format!("({})", parts.join(" + "))
        }
        _ => format!("CASE WHEN {sql} IS NULL THEN 0 ELSE 8 END"),
    }
}

/// A statement that gives the size of the mentioned columns of a table, of rows after commit AFTER.
fn size_statement(table: &Table, columns: &[&String]) -> String {
    let mut parts = Vec::new();
    for name in columns {
        let all = table.columns.iter().chain(table.hidden.iter());
        if let Some((name, ty)) = all.into_iter().find(|(column, _)| column == *name) {
            parts.push(format!("sum({})", size_of(&format!("t.{}", quoted(name)), ty, 0)));
        }
    }
    let sums: Vec<String> = parts.iter().map(|part| format!("coalesce({part}, 0)")).collect();
    format!("SELECT CAST({} AS BIGINT) AS bytes FROM {} AS t", sums.join(" + "), table.newer_sql)
}

fn is_field_name(name: &str) -> bool {
    let mut chars = name.chars();
    let first = chars.next().is_some_and(|c| c == '_' || c.is_ascii_lowercase());
    first && chars.all(|c| c == '_' || c.is_ascii_lowercase() || c.is_ascii_digit()) && name.len() <= OUTPUT_NAME_MAX
}

/// Can a value of this type be given out?
fn check_output(name: &str, ty: &Ty) -> Res<()> {
    match ty {
        Ty::Date | Ty::Datetime | Ty::Time | Ty::Interval => {
            Err(format!("column {name} has type {}, which cannot be returned: cast it to STRING or TIMESTAMP", ty.name()))
        }
        Ty::Array(item) if matches!(**item, Ty::Array(_)) => Err(format!("column {name} is an array of arrays")),
        Ty::Array(item) => check_output(name, item),
        Ty::Struct(fields) => {
            for (i, (field, ty)) in fields.iter().enumerate() {
                let again = fields[..i].iter().any(|(other, _)| other.eq_ignore_ascii_case(field));
                if again || !is_field_name(field) {
                    return Err(format!("field {field} of column {name} has a name that cannot be returned"));
                }
                check_output(field, ty)?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Fields whose name begins with `__` are not given out, nested ones neither.
pub fn translate(request: &Json) -> Res<Json> {
    let sql = field(request, "sql")?.as_str().ok_or("the request's sql is no text")?;
    let now_us = field(request, "now_us")?.as_i64().unwrap_or(0);
    let mut stored = Vec::new();
    for (path, given) in field(request, "tables")?.as_object().ok_or("the request's tables are none")? {
        stored.push(table(path, given)?);
    }
    let query = parse(sql)?;
    let mut analyzer = Analyzer::new(&stored, now_us);
    let analyzed = analyzer.query(&query, None)?;

    let mut columns = Vec::new();
    let mut shown = Vec::new();
    let mut seen: Vec<String> = Vec::new();
    let mut plain = true;
    for out in &analyzed.outs {
        let name = out.name.to_lowercase();
        if name.starts_with("__") {
            if name == "__timestamp" && out.ty == Ty::Timestamp && !seen.contains(&name) {
                shown.push(format!("q.{} AS {}", quoted(&out.column), quoted(&name)));
                columns.push(json!({ "name": name, "type": out.ty.to_json() }));
                seen.push(name);
            }
            continue;
        }
        if !is_field_name(&out.name) {
            return Err(format!(
                "invalid column name '{}': names have lower-case letters, digits and underscores; give it an alias",
                crate::analyzer::short(&out.name)
            ));
        }
        if seen.contains(&name) {
            return Err(format!("duplicate column name '{name}' in the result; give one an alias"));
        }
        check_output(&name, &out.ty)?;
        if out.ty.has_numeric() {
            plain = false;
            shown.push(format!("CAST(q.{} AS {}) AS {}", quoted(&out.column), out.ty.stored(), quoted(&name)));
        } else {
            shown.push(format!("q.{} AS {}", quoted(&out.column), quoted(&name)));
        }
        columns.push(json!({ "name": name, "type": out.ty.to_json() }));
        seen.push(name);
    }
    if !seen.iter().any(|name| name != "__timestamp") {
        return Err("the result has no columns".into());
    }
    let statement = if plain && shown.len() == analyzed.outs.len() {
        analyzed.sql
    } else {
        format!("SELECT {} FROM ({}) AS q", shown.join(", "), analyzed.sql)
    };
    if statement.len() > SQL_BYTES_MAX {
        return Err("the statement is too complex".into());
    }
    let mut mentions = Map::new();
    let mut sizes = Map::new();
    for (i, table) in stored.iter().enumerate() {
        let names: Vec<&String> = analyzer.mentions[i].iter().collect();
        mentions.insert(table.path.clone(), json!(names));
        if !names.is_empty() {
            sizes.insert(table.path.clone(), json!(size_statement(table, &names)));
        }
    }
    Ok(json!({ "sql": statement, "columns": columns, "mentions": mentions, "sizes": sizes }))
}
