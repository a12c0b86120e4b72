//! Aggregates, and functions over windows.

use crate::analyzer::{coerce, Analyzer, SQL_BYTES_MAX};
use crate::query::{named_window, whole_window};
use crate::scope::Scope;
use crate::types::{text, Ex, Lit, Res, Ty};
use sqlparser::ast::*;

/// An aggregate's arguments with what may stand beside them.
struct Parts {
    star: bool,
    args: Vec<Ex>,
    distinct: bool,
    order: String,
    limit: Option<i64>,
    ignore_nulls: bool,
}

const AGGREGATES: &[&str] = &[
    "ANY_VALUE", "APPROX_COUNT_DISTINCT", "APPROX_QUANTILES", "ARRAY_AGG", "AVG", "BIT_AND", "BIT_OR", "BIT_XOR",
    "CORR", "COUNT", "COUNTIF", "COVAR_POP", "COVAR_SAMP", "LOGICAL_AND", "LOGICAL_OR", "MAX", "MIN", "STDDEV",
    "STDDEV_POP", "STDDEV_SAMP", "STRING_AGG", "SUM", "VARIANCE", "VAR_POP", "VAR_SAMP",
];
const WINDOWS: &[&str] = &[
    "CUME_DIST", "DENSE_RANK", "FIRST_VALUE", "LAG", "LAST_VALUE", "LEAD", "NTH_VALUE", "NTILE", "PERCENT_RANK",
    "RANK", "ROW_NUMBER",
];

impl Analyzer<'_> {
    /// None if `name` is neither an aggregate nor a function of windows.
    pub fn aggregate(&mut self, name: &str, function: &Function, scope: &Scope) -> Res<Option<Ex>> {
        let window_only = WINDOWS.contains(&name);
        if !window_only && !AGGREGATES.contains(&name) {
            return Ok(None);
        }
        self.in_aggregate += 1;
        let parts = self.parts(name, function, scope);
        let over = match &function.over {
            None => Ok(None),
            Some(window) => self.over(window, scope).map(Some),
        };
        self.in_aggregate -= 1;
        let (mut parts, over) = (parts?, over?);
        if matches!(function.null_treatment, Some(NullTreatment::IgnoreNulls)) {
            parts.ignore_nulls = true;
        }
        if window_only {
            let over = over.ok_or_else(|| format!("{name} takes an OVER clause"))?;
            return window(name, &parts, &over).map(Some);
        }
        aggregate(name, &parts, over.as_deref().unwrap_or("")).map(Some)
    }

    fn parts(&mut self, name: &str, function: &Function, scope: &Scope) -> Res<Parts> {
        let mut parts =
            Parts { star: false, args: Vec::new(), distinct: false, order: String::new(), limit: None, ignore_nulls: false };
        let FunctionArguments::List(list) = &function.args else { return Ok(parts) };
        parts.distinct = matches!(list.duplicate_treatment, Some(DuplicateTreatment::Distinct));
        for arg in &list.args {
            match arg {
                FunctionArg::Unnamed(FunctionArgExpr::Wildcard) => parts.star = true,
                FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Wildcard(_))) => parts.star = true,
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => parts.args.push(self.expr(expr, scope)?),
                _ => return Err(format!("{name} takes no such argument")),
            }
        }
        for clause in &list.clauses {
            match clause {
                FunctionArgumentClause::OrderBy(keys) => parts.order = self.order_keys(keys, scope)?,
                FunctionArgumentClause::IgnoreOrRespectNulls(treatment) => {
                    parts.ignore_nulls = *treatment == NullTreatment::IgnoreNulls;
                }
                FunctionArgumentClause::Limit(limit) => match self.expr(limit, scope)?.lit {
                    Lit::Int(limit) if limit >= 0 => parts.limit = Some(limit),
                    _ => return Err("LIMIT takes a non-negative integer".into()),
                },
                _ => return Err(format!("{name} takes no such clause")),
            }
        }
        Ok(parts)
    }

    fn over(&mut self, window: &WindowType, scope: &Scope) -> Res<String> {
        let (name, spec) = match window {
            WindowType::WindowSpec(spec) => (spec.window_name.as_ref(), whole_window(&self.windows, spec)?),
            WindowType::NamedWindow(name) => (Some(name), named_window(&self.windows, name)?.0),
        };
        if let Some(name) = name {
            self.windows_bytes += named_window(&self.windows, name)?.1;
            if self.windows_bytes > SQL_BYTES_MAX {
                return Err("the statement is too complex".into());
            }
        }
        let mut sql = String::from(" OVER (");
        let mut keys = Vec::new();
        for expr in &spec.partition_by {
            keys.push(self.expr(expr, scope)?.sql);
        }
        if !keys.is_empty() {
            sql += &format!("PARTITION BY {}", keys.join(", "));
        }
        sql += &self.order_keys(&spec.order_by, scope)?;
        if let Some(frame) = &spec.window_frame {
            let start = self.bound(&frame.start_bound, scope)?;
            sql += &match &frame.end_bound {
                Some(end) => format!(" {} BETWEEN {start} AND {}", frame.units, self.bound(end, scope)?),
                None => format!(" {} {start}", frame.units),
            };
        }
        Ok(sql + ")")
    }

    fn bound(&mut self, bound: &WindowFrameBound, scope: &Scope) -> Res<String> {
        let (count, word) = match bound {
            WindowFrameBound::CurrentRow => return Ok("CURRENT ROW".into()),
            WindowFrameBound::Preceding(count) => (count, "PRECEDING"),
            WindowFrameBound::Following(count) => (count, "FOLLOWING"),
        };
        match count {
            None => Ok(format!("UNBOUNDED {word}")),
            Some(count) => {
                let count = self.expr(count, scope)?;
                Ok(format!("{} {word}", coerce(&count, &Ty::Float, "a window's bound").and(Ok(count.sql))?))
            }
        }
    }

    /// `ARRAY_AGG(x ORDER BY … LIMIT n)` of which only the first item is wanted; none for others.
    pub fn first_of_array_agg(&mut self, function: &Function, scope: &Scope) -> Res<Option<Ex>> {
        let FunctionArguments::List(list) = &function.args else { return Ok(None) };
        let fits = function.name.to_string().eq_ignore_ascii_case("ARRAY_AGG")
            && function.over.is_none()
            && function.null_treatment.is_none()
            && list.duplicate_treatment.is_none()
            && list.args.len() == 1;
        if !fits {
            return Ok(None);
        }
        self.in_aggregate += 1;
        let parts = self.parts("ARRAY_AGG", function, scope);
        self.in_aggregate -= 1;
        let parts = parts?;
        if parts.ignore_nulls || parts.limit == Some(0) || parts.args.len() != 1 {
            return Ok(None);
        }
        let x = &parts.args[0];
        Ok(Some(Ex::new(format!("first({}{})", x.sql, parts.order), x.ty.clone())))
    }
}

fn one<'p>(name: &str, parts: &'p Parts) -> Res<&'p Ex> {
    match &parts.args[..] {
        [x] if !parts.star => Ok(x),
        _ => Err(format!("{name} takes one argument")),
    }
}

fn aggregate(name: &str, parts: &Parts, over: &str) -> Res<Ex> {
    let distinct = if parts.distinct { "DISTINCT " } else { "" };
    let takes_order = matches!(name, "ARRAY_AGG" | "STRING_AGG");
    if !takes_order && (!parts.order.is_empty() || parts.limit.is_some()) {
        return Err(format!("{name} takes neither ORDER BY nor LIMIT"));
    }
    let int = |sql: String| Ok(Ex::new(format!("CAST({sql}{over} AS BIGINT)"), Ty::Int));
    let wrong = |x: &Ex| {
        format!("no matching signature for aggregate function {name} for argument type {}", x.ty.name())
    };
    match name {
        "COUNT" if parts.star => {
            if parts.distinct || !parts.args.is_empty() {
                return Err("COUNT(*) takes nothing else".into());
            }
            int("count(*)".into())
        }
        "COUNT" => int(format!("count({distinct}{})", one(name, parts)?.sql)),
        "APPROX_COUNT_DISTINCT" => int(format!("count(DISTINCT {})", one(name, parts)?.sql)),
        "COUNTIF" => {
            let x = coerce(one(name, parts)?, &Ty::Bool, name)?;
            int(format!("count(CASE WHEN {x} THEN 1 END)"))
        }
        "SUM" => {
            let x = one(name, parts)?;
            if !x.ty.is_number() {
                return Err(wrong(x));
            }
            let ty = if x.ty == Ty::Null { Ty::Int } else { x.ty.clone() };
            Ok(Ex::new(format!("CAST(sum({distinct}{}){over} AS {})", x.sql, ty.engine()), ty))
        }
        "AVG" | "STDDEV" | "STDDEV_SAMP" | "STDDEV_POP" | "VARIANCE" | "VAR_SAMP" | "VAR_POP" => {
            let x = one(name, parts)?;
            if !x.ty.is_number() {
                return Err(wrong(x));
            }
            let x = coerce(x, &Ty::Float, name)?;
            Ok(Ex::new(format!("{}({distinct}{x}){over}", name.to_lowercase()), Ty::Float))
        }
        "CORR" | "COVAR_POP" | "COVAR_SAMP" => {
            let [x, y] = &parts.args[..] else { return Err(format!("{name} takes two arguments")) };
            let (x, y) = (coerce(x, &Ty::Float, name)?, coerce(y, &Ty::Float, name)?);
            Ok(Ex::new(format!("{}({x}, {y}){over}", name.to_lowercase()), Ty::Float))
        }
        "MIN" | "MAX" | "ANY_VALUE" => {
            let x = one(name, parts)?;
            if matches!(x.ty, Ty::Array(_) | Ty::Struct(_)) && name != "ANY_VALUE" {
                return Err(wrong(x));
            }
            let ty = if x.ty == Ty::Null { Ty::Int } else { x.ty.clone() };
            Ok(Ex::new(format!("CAST({}({}){over} AS {})", name.to_lowercase(), x.sql, ty.engine()), ty))
        }
        "LOGICAL_AND" | "LOGICAL_OR" => {
            let x = coerce(one(name, parts)?, &Ty::Bool, name)?;
            let engine = if name == "LOGICAL_AND" { "bool_and" } else { "bool_or" };
            Ok(Ex::new(format!("{engine}({x}){over}"), Ty::Bool))
        }
        "BIT_AND" | "BIT_OR" | "BIT_XOR" => {
            let x = coerce(one(name, parts)?, &Ty::Int, name)?;
            int(format!("{}({x})", name.to_lowercase()))
        }
        "APPROX_QUANTILES" => {
            let [x, count] = &parts.args[..] else { return Err(format!("{name} takes two arguments")) };
            let Lit::Int(count @ 1..=1000) = count.lit else {
                return Err("APPROX_QUANTILES takes a literal from 1 to 1000".into());
            };
            let places: Vec<String> = (0..=count).map(|i| format!("{}", i as f64 / count as f64)).collect();
            let sql = format!("quantile_disc({distinct}{}, [{}]){over}", x.sql, places.join(", "));
            Ok(Ex::new(sql, Ty::Array(Box::new(x.ty.clone()))))
        }
        "ARRAY_AGG" => {
            let x = one(name, parts)?;
            let filter =
                if parts.ignore_nulls { format!(" FILTER (WHERE {} IS NOT NULL)", x.sql) } else { String::new() };
            let list = format!("array_agg({distinct}{}{}){filter}{over}", x.sql, parts.order);
            let list = match parts.limit {
                Some(limit) => format!("list_slice({list}, 1, {limit})"),
                None => list,
            };
            let ty = if x.ty == Ty::Null { Ty::Int } else { x.ty.clone() };
            Ok(Ex::new(list, Ty::Array(Box::new(ty))))
        }
        "STRING_AGG" => {
            let (x, by) = match &parts.args[..] {
                [x] => (x, text(",")),
                [x, by] => (x, coerce(by, &Ty::Str, name)?),
                _ => return Err("STRING_AGG takes one or two arguments".into()),
            };
            let x = coerce(x, &Ty::Str, name)?;
            if let Some(limit) = parts.limit {
                let list = format!("array_agg({distinct}{x}{}) FILTER (WHERE {x} IS NOT NULL){over}", parts.order);
                return Ok(Ex::new(format!("array_to_string(list_slice({list}, 1, {limit}), {by})"), Ty::Str));
            }
            Ok(Ex::new(format!("string_agg({distinct}{x}, {by}{}){over}", parts.order), Ty::Str))
        }
        _ => Err(format!("function not found: {name}")),
    }
}

fn window(name: &str, parts: &Parts, over: &str) -> Res<Ex> {
    let nulls = if parts.ignore_nulls { " IGNORE NULLS" } else { "" };
    let engine = name.to_lowercase();
    if parts.distinct || parts.star || !parts.order.is_empty() || parts.limit.is_some() {
        return Err(format!("{name} takes plain arguments"));
    }
    match (name, &parts.args[..]) {
        ("ROW_NUMBER" | "RANK" | "DENSE_RANK", []) => Ok(Ex::new(format!("{engine}(){over}"), Ty::Int)),
        ("PERCENT_RANK" | "CUME_DIST", []) => Ok(Ex::new(format!("{engine}(){over}"), Ty::Float)),
        ("NTILE", [n]) => Ok(Ex::new(format!("ntile({}){over}", coerce(n, &Ty::Int, name)?), Ty::Int)),
        ("FIRST_VALUE" | "LAST_VALUE", [x]) => Ok(Ex::new(format!("{engine}({}{nulls}){over}", x.sql), x.ty.clone())),
        ("NTH_VALUE", [x, n]) => {
            let n = coerce(n, &Ty::Int, name)?;
            Ok(Ex::new(format!("nth_value({}, {n}{nulls}){over}", x.sql), x.ty.clone()))
        }
        ("LAG" | "LEAD", [x]) => Ok(Ex::new(format!("{engine}({}{nulls}){over}", x.sql), x.ty.clone())),
        ("LAG" | "LEAD", [x, rest @ ..]) if rest.len() <= 2 => {
            let mut args = vec![x.sql.clone(), coerce(&rest[0], &Ty::Int, name)?];
            if let Some(otherwise) = rest.get(1) {
                args.push(coerce(otherwise, &x.ty, name)?);
            }
            Ok(Ex::new(format!("{engine}({}{nulls}){over}", args.join(", ")), x.ty.clone()))
        }
        _ => Err(format!("{name} takes other arguments")),
    }
}
