//! Scalar functions.

use crate::analyzer::{calculated, checked_division, coerce, meet_all, Analyzer};
use crate::scope::Scope;
use crate::time;
use crate::types::{bounded, text, unbounded, Ex, Lit, Res, Ty};
use sqlparser::ast::*;

pub const SPACES: &str = "' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)";

/// The arguments of one call, and what is said of wrong ones.
struct Args<'c> {
    name: &'c str,
    list: &'c [Ex],
}

impl Args<'_> {
    fn count(&self, least: usize, most: usize) -> Res<()> {
        if (least..=most).contains(&self.list.len()) {
            return Ok(());
        }
        Err(format!("{} takes {} arguments, not {}", self.name, if least == most { least.to_string() } else { format!("{least} to {most}") }, self.list.len()))
    }
    fn of(&self, i: usize, ty: &Ty) -> Res<String> {
        coerce(&self.list[i], ty, self.name)
    }
    fn str(&self, i: usize) -> Res<String> {
        self.of(i, &Ty::Str)
    }
    fn int(&self, i: usize) -> Res<String> {
        self.of(i, &Ty::Int)
    }
    fn float(&self, i: usize) -> Res<String> {
        self.of(i, &Ty::Float)
    }
    fn number(&self, i: usize) -> Res<&Ex> {
        if self.list[i].ty.is_number() {
            return Ok(&self.list[i]);
        }
        Err(self.wrong(i))
    }
    fn wrong(&self, i: usize) -> String {
        format!("no matching signature for function {} for argument type {}", self.name, self.list[i].ty.name())
    }
    fn sqls(&self) -> String {
        self.list.iter().map(|ex| ex.sql.as_str()).collect::<Vec<_>>().join(", ")
    }
}

fn int(sql: String) -> Res<Ex> {
    Ok(Ex::new(format!("CAST({sql} AS BIGINT)"), Ty::Int))
}
fn float(sql: String) -> Res<Ex> {
    Ok(Ex::new(sql, Ty::Float))
}
fn string(sql: String) -> Res<Ex> {
    Ok(Ex::new(sql, Ty::Str))
}
fn boolean(sql: String) -> Res<Ex> {
    Ok(Ex::new(sql, Ty::Bool))
}

impl Analyzer<'_> {
    pub fn function(&mut self, function: &Function, scope: &Scope) -> Res<Ex> {
        let full = function.name.to_string().to_uppercase().replace('`', "");
        let (name, safe) = match full.strip_prefix("SAFE.") {
            Some(rest) => (rest.to_string(), true),
            None => (full, false),
        };
        if function.filter.is_some()
            || !function.within_group.is_empty()
            || function.uses_odbc_syntax
            || !matches!(function.parameters, FunctionArguments::None)
        {
            return Err(format!("this form of calling {name} is not supported"));
        }
        if let FunctionArguments::Subquery(query) = &function.args {
            if name != "ARRAY" {
                return Err(format!("{name} takes no subquery"));
            }
            let inner = self.query(query, Some(scope))?;
            let [out] = &inner.outs[..] else { return Err("a subquery of ARRAY has one column".into()) };
            return Ok(Ex::new(
                format!("coalesce(ARRAY({}), [])", inner.sql),
                Ty::Array(Box::new(out.ty.clone())),
            ));
        }
        if let Some(ex) = self.aggregate(&name, function, scope)? {
            return Ok(ex);
        }
        if function.over.is_some() {
            return Err(format!("{name} is no function that can be called with OVER"));
        }
        let raw = plain_arguments(&name, function)?;
        let ex = match self.part_function(&name, &raw, function, scope)? {
            Some(ex) => ex,
            None => {
                let mut list = Vec::new();
                for arg in raw {
                    list.push(self.expr(arg, scope)?);
                }
                self.call(&name, &list, scope)?
            }
        };
        if !safe {
            return Ok(ex);
        }
        if ex.sql.contains("error(") {
            return Err(format!("SAFE.{name} is not supported"));
        }
        Ok(Ex::new(format!("TRY({})", ex.sql), ex.ty))
    }

    pub fn call(&mut self, name: &str, list: &[Ex], _: &Scope) -> Res<Ex> {
        let args = Args { name, list };
        if let Some(ex) = self.general(&args)? {
            return Ok(ex);
        }
        for group in [numbers, texts, bytes_and_arrays, times] {
            if let Some(ex) = group(&args) {
                return ex;
            }
        }
        Err(format!("function not found: {}", crate::analyzer::short(name)))
    }

    fn general(&mut self, args: &Args) -> Res<Option<Ex>> {
        let list = args.list;
        Ok(Some(match args.name {
            "IF" => {
                args.count(3, 3)?;
                let test = args.of(0, &Ty::Bool)?;
                let (results, ty) = meet_all(&list[1..], "IF")?;
                Ex::new(format!("CASE WHEN {test} THEN {} ELSE {} END", results[0].sql, results[1].sql), ty)
            }
            "IFNULL" | "COALESCE" => {
                let most = if args.name == "IFNULL" { 2 } else { 1000 };
                args.count(if args.name == "IFNULL" { 2 } else { 1 }, most)?;
                let (values, ty) = meet_all(list, args.name)?;
                let parts: Vec<String> = values.into_iter().map(|ex| ex.sql).collect();
                Ex::new(format!("coalesce({})", parts.join(", ")), ty)
            }
            "NULLIF" => {
                args.count(2, 2)?;
                let (values, _) = meet_all(list, "NULLIF")?;
                Ex::new(format!("nullif({}, {})", values[0].sql, values[1].sql), values[0].ty.clone())
            }
            "GREATEST" | "LEAST" => {
                args.count(1, 1000)?;
                let (values, ty) = meet_all(list, args.name)?;
                let parts: Vec<String> = values.iter().map(|ex| ex.sql.clone()).collect();
                let nulls: Vec<String> = parts.iter().map(|sql| format!("{sql} IS NULL")).collect();
                let call = format!("{}({})", args.name.to_lowercase(), parts.join(", "));
                Ex::new(format!("CASE WHEN {} THEN NULL ELSE {call} END", nulls.join(" OR ")), ty)
            }
            "CURRENT_TIMESTAMP" => {
                args.count(0, 0)?;
                Ex::new(format!("make_timestamp(CAST({} AS BIGINT))", self.now_us), Ty::Timestamp)
            }
            "CURRENT_DATE" => {
                args.count(0, 0)?;
                Ex::new(format!("CAST(make_timestamp(CAST({} AS BIGINT)) AS DATE)", self.now_us), Ty::Date)
            }
            "GROUPING" => {
                args.count(1, 1)?;
                Ex::new(format!("CAST(grouping({}) AS BIGINT)", list[0].sql), Ty::Int)
            }
            "ERROR" => {
                args.count(1, 1)?;
                Ex::new(format!("error({})", args.str(0)?), Ty::Null)
            }
            "STRUCT" => {
                let fields = list.iter().enumerate().map(|(i, ex)| {
                    (ex.name.clone().unwrap_or_else(|| format!("f{i}_")), ex.ty.clone())
                });
                let fields: Vec<(String, Ty)> = fields.collect();
                let parts: Vec<String> = fields
                    .iter()
                    .zip(list)
                    .map(|((name, _), ex)| format!("{} := {}", crate::types::quoted(name), ex.sql))
                    .collect();
                Ex::new(format!("struct_pack({})", parts.join(", ")), Ty::Struct(fields))
            }
            _ => return Ok(None),
        }))
    }
}

/// Arguments without names, clauses and DISTINCT.
fn plain_arguments<'f>(name: &str, function: &'f Function) -> Res<Vec<&'f Expr>> {
    let mut out = Vec::new();
    match &function.args {
        FunctionArguments::None => {}
        FunctionArguments::List(list) if list.duplicate_treatment.is_none() && list.clauses.is_empty() => {
            for arg in &list.args {
                match arg {
                    FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => out.push(expr),
                    _ => return Err(format!("{name} takes no such argument")),
                }
            }
        }
        _ => return Err(format!("{name} is no aggregate function: it takes neither DISTINCT nor clauses")),
    }
    Ok(out)
}

fn numbers(args: &Args) -> Option<Res<Ex>> {
    Some((|| {
        let list = args.list;
        match args.name {
            "ABS" => {
                args.count(1, 1)?;
                let x = args.number(0)?;
                if x.ty == Ty::Numeric {
                    return Ok(Ex::new(format!("CASE WHEN {0} < 0 THEN - {0} ELSE {0} END", x.sql), Ty::Numeric));
                }
                Ok(Ex::new(format!("abs({})", x.sql), x.ty.clone()))
            }
            "SIGN" => {
                args.count(1, 1)?;
                let x = args.number(0)?;
                if x.ty == Ty::Numeric {
                    let sql = format!("CASE WHEN {0} < 0 THEN -1 WHEN {0} > 0 THEN 1 WHEN {0} = 0 THEN 0 END", x.sql);
                    return Ok(Ex::new(format!("CAST(CAST({sql} AS BIGINT) AS BIGNUM)"), Ty::Numeric));
                }
                Ok(Ex::new(format!("CAST(sign({}) AS {})", x.sql, x.ty.engine()), x.ty.clone()))
            }
            "ROUND" | "TRUNC" | "CEIL" | "CEILING" | "FLOOR" => {
                args.count(1, if matches!(args.name, "ROUND" | "TRUNC") { 2 } else { 1 })?;
                let x = args.number(0)?;
                let name = if args.name == "CEILING" { "ceil".into() } else { args.name.to_lowercase() };
                if x.ty == Ty::Numeric {
                    // They are whole numbers already.
                    if list.len() == 1 {
                        return Ok(Ex { name: None, ..x.clone() });
                    }
                    let places = format!("CAST({} AS INTEGER)", args.int(1)?);
                    return Ok(Ex::new(unbounded(&format!(
                        "CAST({name}(CAST({} AS DECIMAL(38,0)), {places}) AS DECIMAL(38,0))",
                        bounded(&x.sql)
                    )), Ty::Numeric));
                }
                let x = args.float(0)?;
                if list.len() == 1 {
                    return float(format!("{name}({x})"));
                }
                let places = format!("CAST({} AS INTEGER)", args.int(1)?);
                if name == "trunc" {
                    return float(format!("(trunc({x} * pow(10, {places})) / pow(10, {places}))"));
                }
                float(format!("round({x}, {places})"))
            }
            "MOD" | "DIV" => {
                args.count(2, 2)?;
                let (x, y) = (args.number(0)?, args.number(1)?);
                let ty = x.ty.with(&y.ty).ok_or_else(|| args.wrong(0))?;
                if ty == Ty::Float {
                    return Err(args.wrong(if x.ty == Ty::Float { 0 } else { 1 }));
                }
                let ty = if ty == Ty::Null { Ty::Int } else { ty };
                let op = if args.name == "MOD" { "%" } else { "//" };
                let sql = match (&ty, op) {
                    (Ty::Numeric, "//") => {
                        let (x, y) = (bounded(&x.sql), bounded(&y.sql));
                        unbounded(&format!("({x} // {y})"))
                    }
                    (Ty::Numeric, _) => unbounded(&format!("({} % {})", bounded(&x.sql), bounded(&y.sql))),
                    _ => format!("({} {op} {})", x.sql, y.sql),
                };
                Ok(Ex::new(checked_division(y, &sql), ty))
            }
            "SAFE_DIVIDE" => {
                args.count(2, 2)?;
                float(format!("({} / nullif({}, 0))", args.float(0)?, args.float(1)?))
            }
            "SAFE_ADD" | "SAFE_SUBTRACT" | "SAFE_MULTIPLY" => {
                args.count(2, 2)?;
                let (x, y) = (args.number(0)?, args.number(1)?);
                let ty = x.ty.with(&y.ty).ok_or_else(|| args.wrong(0))?;
                let op = match args.name {
                    "SAFE_ADD" => "+",
                    "SAFE_SUBTRACT" => "-",
                    _ => "*",
                };
                Ok(Ex::new(format!("TRY({})", calculated(x, op, y, &ty)), ty))
            }
            "SAFE_NEGATE" => {
                args.count(1, 1)?;
                let x = args.number(0)?;
                Ok(Ex::new(format!("TRY(- {})", x.sql), x.ty.clone()))
            }
            "POW" | "POWER" => {
                args.count(2, 2)?;
                float(format!("pow({}, {})", args.float(0)?, args.float(1)?))
            }
            "SQRT" | "EXP" | "LN" | "LOG10" | "SIN" | "COS" | "TAN" | "ASIN" | "ACOS" | "ATAN" => {
                args.count(1, 1)?;
                float(format!("{}({})", args.name.to_lowercase(), args.float(0)?))
            }
            "LOG" => {
                args.count(1, 2)?;
                if list.len() == 1 {
                    return float(format!("ln({})", args.float(0)?));
                }
                float(format!("(ln({}) / ln({}))", args.float(0)?, args.float(1)?))
            }
            "ATAN2" => {
                args.count(2, 2)?;
                float(format!("atan2({}, {})", args.float(0)?, args.float(1)?))
            }
            "IS_NAN" => {
                args.count(1, 1)?;
                boolean(format!("isnan({})", args.float(0)?))
            }
            "IS_INF" => {
                args.count(1, 1)?;
                boolean(format!("isinf({})", args.float(0)?))
            }
            "RAND" => {
                args.count(0, 0)?;
                float("random()".into())
            }
            _ => Err(String::new()),
        }
    })())
    .filter(is_known)
}

/// Groups of functions say by an empty error that a name is none of theirs.
fn is_known(result: &Res<Ex>) -> bool {
    !matches!(result, Err(message) if message.is_empty())
}

fn texts(args: &Args) -> Option<Res<Ex>> {
    Some((|| {
        let list = args.list;
        match args.name {
            "LOWER" | "UPPER" => {
                args.count(1, 1)?;
                string(format!("{}({})", args.name.to_lowercase(), args.str(0)?))
            }
            "LENGTH" | "CHAR_LENGTH" | "CHARACTER_LENGTH" | "BYTE_LENGTH" | "OCTET_LENGTH" => {
                args.count(1, 1)?;
                if list[0].ty == Ty::Bytes && matches!(args.name, "LENGTH" | "BYTE_LENGTH" | "OCTET_LENGTH") {
                    return int(format!("octet_length({})", list[0].sql));
                }
                let name = if matches!(args.name, "BYTE_LENGTH" | "OCTET_LENGTH") { "strlen" } else { "length" };
                int(format!("{name}({})", args.str(0)?))
            }
            "CONCAT" => {
                args.count(1, 1000)?;
                let ty = if list[0].ty == Ty::Bytes { Ty::Bytes } else { Ty::Str };
                let mut parts = Vec::new();
                for (i, ex) in list.iter().enumerate() {
                    // Numbers and times are written out.
                    let written = ty == Ty::Str && !matches!(ex.ty, Ty::Bytes | Ty::Array(_) | Ty::Struct(_));
                    parts.push(if written { crate::casts::cast(ex, &Ty::Str, false)?.sql } else { args.of(i, &ty)? });
                }
                Ok(Ex::new(format!("({})", parts.join(" || ")), ty))
            }
            "SUBSTR" | "SUBSTRING" => substr(args),
            "TRIM" | "LTRIM" | "RTRIM" => {
                args.count(1, 2)?;
                let set = if list.len() == 2 { args.str(1)? } else { SPACES.into() };
                string(format!("{}({}, {set})", args.name.to_lowercase(), args.str(0)?))
            }
            "REPLACE" => {
                args.count(3, 3)?;
                string(format!("replace({}, {}, {})", args.str(0)?, args.str(1)?, args.str(2)?))
            }
            "STARTS_WITH" | "ENDS_WITH" => {
                args.count(2, 2)?;
                boolean(format!("{}({}, {})", args.name.to_lowercase(), args.str(0)?, args.str(1)?))
            }
            "STRPOS" | "INSTR" => {
                args.count(2, 2)?;
                int(format!("instr({}, {})", args.str(0)?, args.str(1)?))
            }
            "CONTAINS_SUBSTR" => {
                args.count(2, 2)?;
                boolean(format!("contains(lower({}), lower({}))", args.str(0)?, args.str(1)?))
            }
            "REGEXP_CONTAINS" => {
                args.count(2, 2)?;
                boolean(format!("regexp_matches({}, {})", args.str(0)?, args.str(1)?))
            }
            "REGEXP_EXTRACT" => {
                args.count(2, 2)?;
                let (value, pattern) = (args.str(0)?, args.str(1)?);
                let Lit::Str(literal) = &list[1].lit else {
                    return Err("REGEXP_EXTRACT takes a literal as its pattern".into());
                };
                let group = i32::from(has_group(literal));
                string(format!(
                    "CASE WHEN regexp_matches({value}, {pattern}) THEN regexp_extract({value}, {pattern}, {group}) END"
                ))
            }
            "REGEXP_REPLACE" => {
                args.count(3, 3)?;
                string(format!("regexp_replace({}, {}, {}, 'g')", args.str(0)?, args.str(1)?, args.str(2)?))
            }
            "SPLIT" => {
                args.count(1, 2)?;
                let by = if list.len() == 2 { args.str(1)? } else { text(",") };
                Ok(Ex::new(format!("string_split({}, {by})", args.str(0)?), Ty::Array(Box::new(Ty::Str))))
            }
            "LPAD" | "RPAD" => {
                args.count(2, 3)?;
                let with = if list.len() == 3 { args.str(2)? } else { text(" ") };
                let count = format!("CAST({} AS INTEGER)", args.int(1)?);
                string(format!("{}({}, {count}, {with})", args.name.to_lowercase(), args.str(0)?))
            }
            "REVERSE" => {
                args.count(1, 1)?;
                string(format!("reverse({})", args.str(0)?))
            }
            "REPEAT" => {
                args.count(2, 2)?;
                string(format!("repeat({}, {})", args.str(0)?, args.int(1)?))
            }
            "CHR" => {
                args.count(1, 1)?;
                string(format!("chr(CAST({} AS INTEGER))", args.int(0)?))
            }
            "ASCII" | "UNICODE" => {
                args.count(1, 1)?;
                int(format!("ascii({})", args.str(0)?))
            }
            "GENERATE_UUID" => {
                args.count(0, 0)?;
                string("CAST(uuid() AS VARCHAR)".into())
            }
            _ => Err(String::new()),
        }
    })())
    .filter(is_known)
}

/// Does a pattern have a group that captures?
fn has_group(pattern: &str) -> bool {
    let bytes = pattern.as_bytes();
    let mut i = 0;
    let mut in_set = false;
    while i < bytes.len() {
        match bytes[i] {
            b'\\' => i += 1,
            b'[' => in_set = true,
            b']' => in_set = false,
            b'(' if !in_set => {
                let rest = &bytes[i + 1..];
                if rest.first() != Some(&b'?') || rest.starts_with(b"?P<") {
                    return true;
                }
            }
            _ => {}
        }
        i += 1;
    }
    false
}

fn substr(args: &Args) -> Res<Ex> {
    args.count(2, 3)?;
    let list = args.list;
    let at = args.int(1)?;
    let count = match list.get(2) {
        None => String::new(),
        Some(ex) => match ex.lit {
            Lit::Int(count) if count >= 0 => format!(", {count}"),
            Lit::Int(_) => return Err("the length of a SUBSTR is not negative".into()),
            _ => {
                let count = args.int(2)?;
                format!(", CASE WHEN {count} < 0 THEN error('the length of a SUBSTR is not negative') ELSE {count} END")
            }
        },
    };
    if list[0].ty == Ty::Bytes {
        let (Lit::Int(at), true) = (&list[1].lit, list.len() == 2 || matches!(list[2].lit, Lit::Int(_))) else {
            return Err("SUBSTR of BYTES takes literals".into());
        };
        if *at < 1 {
            return Err("SUBSTR of BYTES takes a position above 0".into());
        }
        let from = (at - 1).saturating_mul(2).saturating_add(1);
        let count = match list.get(2).map(|ex| &ex.lit) {
            Some(Lit::Int(count)) => format!(", {}", count.saturating_mul(2)),
            _ => String::new(),
        };
        return Ok(Ex::new(format!("unhex(substr(hex({}), {from}{count}))", list[0].sql), Ty::Bytes));
    }
    let value = args.str(0)?;
    // Positions before the first character mean the first.
    let from = match list[1].lit {
        Lit::Int(at) if at > 0 => at.to_string(),
        _ => format!("CASE WHEN {at} = 0 OR {at} < - length({value}) THEN 1 ELSE {at} END"),
    };
    string(format!("substr({value}, {from}{count})"))
}

fn bytes_and_arrays(args: &Args) -> Option<Res<Ex>> {
    Some((|| {
        let list = args.list;
        let array = |i: usize| match &list[i].ty {
            Ty::Array(item) => Ok((list[i].sql.clone(), (**item).clone())),
            _ => Err(args.wrong(i)),
        };
        match args.name {
            "TO_HEX" => {
                args.count(1, 1)?;
                string(format!("lower(hex({}))", args.of(0, &Ty::Bytes)?))
            }
            "FROM_HEX" => {
                args.count(1, 1)?;
                Ok(Ex::new(format!("unhex({})", args.str(0)?), Ty::Bytes))
            }
            "TO_BASE64" => {
                args.count(1, 1)?;
                string(format!("to_base64({})", args.of(0, &Ty::Bytes)?))
            }
            "FROM_BASE64" => {
                args.count(1, 1)?;
                Ok(Ex::new(format!("from_base64({})", args.str(0)?), Ty::Bytes))
            }
            "MD5" | "SHA256" => {
                args.count(1, 1)?;
                let value = if list[0].ty == Ty::Bytes { list[0].sql.clone() } else { args.str(0)? };
                Ok(Ex::new(format!("unhex({}({value}))", args.name.to_lowercase()), Ty::Bytes))
            }
            "TO_JSON_STRING" => {
                args.count(1, 1)?;
                string(format!("CAST(to_json({}) AS VARCHAR)", list[0].sql))
            }
            "ARRAY_LENGTH" => {
                args.count(1, 1)?;
                int(format!("len({})", array(0)?.0))
            }
            "ARRAY_REVERSE" => {
                args.count(1, 1)?;
                Ok(Ex::new(format!("list_reverse({})", array(0)?.0), list[0].ty.clone()))
            }
            "ARRAY_CONCAT" => {
                args.count(1, 100)?;
                let (values, ty) = meet_all(list, "ARRAY_CONCAT")?;
                array(0)?;
                let parts: Vec<String> = values.into_iter().map(|ex| ex.sql).collect();
                Ok(Ex::new(format!("({})", parts.join(" || ")), ty))
            }
            "ARRAY_TO_STRING" => {
                args.count(2, 2)?;
                if array(0)?.1 != Ty::Str {
                    return Err(args.wrong(0));
                }
                string(format!("array_to_string({}, {})", list[0].sql, args.str(1)?))
            }
            "GENERATE_ARRAY" => {
                args.count(2, 3)?;
                let step = if list.len() == 3 { args.int(2)? } else { "CAST(1 AS BIGINT)".into() };
                let sql = format!("generate_series({}, {}, {step})", args.int(0)?, args.int(1)?);
                Ok(Ex::new(sql, Ty::Array(Box::new(Ty::Int))))
            }
            _ => Err(String::new()),
        }
    })())
    .filter(is_known)
}

fn times(args: &Args) -> Option<Res<Ex>> {
    Some((|| {
        let list = args.list;
        let moment = |sql: String| Ok(Ex::new(sql, Ty::Timestamp));
        match args.name {
            "TIMESTAMP" => {
                args.count(1, 1)?;
                crate::casts::cast(&list[0], &Ty::Timestamp, false)
            }
            "DATE" if list.len() == 3 => {
                let sql = format!("make_date({})", args.sqls());
                args.int(0)?;
                args.int(1)?;
                args.int(2)?;
                Ok(Ex::new(sql, Ty::Date))
            }
            "DATE" | "DATETIME" => {
                args.count(1, 1)?;
                let ty = if args.name == "DATE" { Ty::Date } else { Ty::Datetime };
                crate::casts::cast(&list[0], &ty, false)
            }
            "TIMESTAMP_MILLIS" | "TIMESTAMP_SECONDS" | "TIMESTAMP_MICROS" => {
                args.count(1, 1)?;
                let factor = match args.name {
                    "TIMESTAMP_MILLIS" => " * 1000",
                    "TIMESTAMP_SECONDS" => " * 1000000",
                    _ => "",
                };
                moment(format!("make_timestamp({}{factor})", args.int(0)?))
            }
            "UNIX_MILLIS" | "UNIX_SECONDS" | "UNIX_MICROS" => {
                args.count(1, 1)?;
                let us = format!("epoch_us({})", args.of(0, &Ty::Timestamp)?);
                let unit = match args.name {
                    "UNIX_MILLIS" => 1_000,
                    "UNIX_SECONDS" => 1_000_000,
                    _ => return int(us),
                };
                // Rounded down, also before 1970.
                int(format!("({us} - ((({us} % {unit}) + {unit}) % {unit})) // {unit}"))
            }
            "FORMAT_TIMESTAMP" | "FORMAT_DATE" | "FORMAT_DATETIME" => {
                args.count(2, 2)?;
                let Lit::Str(pattern) = &list[0].lit else {
                    return Err(format!("{} takes a literal as its format", args.name));
                };
                let ty = match args.name {
                    "FORMAT_TIMESTAMP" => Ty::Timestamp,
                    "FORMAT_DATE" => Ty::Date,
                    _ => Ty::Datetime,
                };
                string(format!("strftime({}, {})", args.of(1, &ty)?, text(&time::format(pattern)?)))
            }
            "PARSE_TIMESTAMP" => {
                args.count(2, 2)?;
                let Lit::Str(pattern) = &list[0].lit else {
                    return Err("PARSE_TIMESTAMP takes a literal as its format".into());
                };
                moment(format!("strptime({}, {})", args.str(1)?, text(&time::format(pattern)?)))
            }
            _ => Err(String::new()),
        }
    })())
    .filter(is_known)
}
