//! Queries: FROM, select lists, grouping, ordering, set operations.

use crate::analyzer::{Analyzer, Cte, Out, SQL_BYTES_MAX};
use crate::scope::{field, Scope};
use crate::types::{quoted, Ex, Lit, Res, Ty};
use sqlparser::ast::*;

fn refused<T>(what: &str) -> Res<T> {
    Err(format!("{what} is not supported"))
}

/// An analyzed query.
pub struct Analyzed {
    pub sql: String,
    pub outs: Vec<Out>,
}

/// A column of `*`, and the columns of stored tables that it is.
type Starred = (Ex, Vec<(usize, String)>);

/// Said of a query of WITH that names itself where it must not.
pub const SELF_REFERENCE: &str =
    "a recursive query of WITH is a UNION ALL, without more clauses, of a query that does not name it and one that does";
const RECURSIONS_MAX: usize = 3;
const TYPE_ROUNDS_MAX: usize = 4;
const WINDOWS_MAX: usize = 100;
const GROUPING_SETS_MAX: usize = 4096;
const GROUPING_BYTES_MAX: usize = 4 << 20;

/// The columns of both sides of a set operation.
fn common_columns(word: &str, left: &Analyzed, right: &Analyzed) -> Res<Vec<Out>> {
    if left.outs.len() != right.outs.len() {
        return Err(format!(
            "queries in {word} have mismatched column count; one has {}, another has {}",
            left.outs.len(),
            right.outs.len()
        ));
    }
    let mut outs = Vec::new();
    for (i, (a, b)) in left.outs.iter().zip(&right.outs).enumerate() {
        let ty = a.ty.with(&b.ty).ok_or_else(|| {
            format!("column {} in {word} has incompatible types: {}, {}", i + 1, a.ty.name(), b.ty.name())
        })?;
        outs.push(Out { ty, ..a.clone() });
    }
    Ok(outs)
}

/// One side of a set operation, whose columns are to have these types.
fn with_types(side: &Analyzed, outs: &[Out]) -> String {
    if side.outs.iter().zip(outs).all(|(a, b)| a.ty == b.ty) {
        return format!("({})", side.sql);
    }
    let parts: Vec<String> = side
        .outs
        .iter()
        .zip(outs)
        .map(|(a, b)| format!("CAST(s.{} AS {}) AS {}", quoted(&a.column), b.ty.engine(), quoted(&a.column)))
        .collect();
    format!("(SELECT {} FROM ({}) AS s)", parts.join(", "), side.sql)
}

/// One output of a select list.
struct Item {
    name: String,
    named: bool,
    ex: Ex,
}

impl Analyzer<'_> {
    pub fn query(&mut self, query: &Query, outer: Option<&Scope>) -> Res<Analyzed> {
        self.enter()?;
        let ctes = self.ctes.len();
        let result = self.query_in(query, outer);
        self.ctes.truncate(ctes);
        self.leave();
        result
    }

    fn query_in(&mut self, query: &Query, outer: Option<&Scope>) -> Res<Analyzed> {
        let outermost = std::mem::take(&mut self.outermost);
        if query.fetch.is_some()
            || !query.locks.is_empty()
            || query.for_clause.is_some()
            || query.settings.is_some()
            || query.format_clause.is_some()
            || !query.pipe_operators.is_empty()
        {
            return refused("this clause of a query");
        }
        let mut sql = String::new();
        if let Some(with) = &query.with {
            let mut parts = Vec::new();
            for cte in &with.cte_tables {
                if !cte.alias.columns.is_empty() || cte.from.is_some() {
                    return refused("a list of columns in WITH");
                }
                let name = cte.alias.name.value.to_lowercase();
                let analyzed = match with.recursive {
                    true => self.recursive(&name, &cte.query, outer)?,
                    false => self.query(&cte.query, outer)?,
                };
                parts.push(format!("{} AS ({})", quoted(&name), analyzed.sql));
                self.ctes.push(Cte { name, outs: Some(analyzed.outs) });
            }
            sql = format!("WITH {}{} ", if with.recursive { "RECURSIVE " } else { "" }, parts.join(", "));
        }
        let order = match &query.order_by {
            None => &[][..],
            Some(OrderBy { kind: OrderByKind::Expressions(list), interpolate: None }) => list,
            Some(_) => return refused("this form of ORDER BY"),
        };
        let body = match &*query.body {
            SetExpr::Select(select) => self.select(select, outer, order, outermost)?,
            other => {
                let mut body = self.set_expr(other, outer)?;
                if !order.is_empty() {
                    let aliases = body.outs.iter().map(Out::reference).collect();
                    let scope = Scope { aliases, ..Scope::default() };
                    let names: Vec<String> = body.outs.iter().map(|out| out.name.clone()).collect();
                    body.sql += &self.order_by(order, &scope, &names)?;
                }
                body
            }
        };
        sql += &body.sql;
        sql += &Self::limit(&query.limit_clause)?;
        Ok(Analyzed { sql, outs: body.outs })
    }

    /// A query of WITH RECURSIVE, which may name itself.
    fn recursive(&mut self, name: &str, query: &Query, outer: Option<&Scope>) -> Res<Analyzed> {
        // Each level is analyzed several times.
        if self.recursions == RECURSIONS_MAX {
            return Err("WITH RECURSIVE is nested too deep".into());
        }
        self.recursions += 1;
        self.ctes.push(Cte { name: name.into(), outs: None });
        let mut result = self.query(query, outer);
        self.ctes.pop();
        if matches!(&result, Err(error) if error == SELF_REFERENCE) {
            result = self.recursive_union(name, query, outer);
        }
        self.recursions -= 1;
        result
    }

    fn recursive_union(&mut self, name: &str, query: &Query, outer: Option<&Scope>) -> Res<Analyzed> {
        let bare = query.with.is_none() && query.order_by.is_none() && query.limit_clause.is_none();
        let SetExpr::SetOperation { op: SetOperator::Union, set_quantifier, left, right } = &*query.body else {
            return Err(SELF_REFERENCE.into());
        };
        let word = match set_quantifier {
            SetQuantifier::All if bare => "UNION ALL",
            SetQuantifier::Distinct if bare => "UNION",
            _ => return Err(SELF_REFERENCE.into()),
        };
        self.ctes.push(Cte { name: name.into(), outs: None });
        let first = self.set_expr(left, outer);
        self.ctes.pop();
        let first = first?;
        // The columns' types are those of both sides; what they are of the second depends on them.
        let mut outs = first.outs.clone();
        for _ in 0..TYPE_ROUNDS_MAX {
            self.ctes.push(Cte { name: name.into(), outs: Some(outs.clone()) });
            let second = self.set_expr(right, outer);
            self.ctes.pop();
            let second = second?;
            let met = common_columns(word, &first, &second)?;
            if met.iter().zip(&outs).all(|(a, b)| a.ty == b.ty) {
                let sql = format!("{} {word} {}", with_types(&first, &outs), with_types(&second, &outs));
                return Ok(Analyzed { sql, outs });
            }
            outs = met;
        }
        Err(format!("the types of the columns of {name} cannot be told"))
    }

    fn limit(clause: &Option<LimitClause>) -> Res<String> {
        let count = |expr: &Expr| match expr {
            Expr::Value(ValueWithSpan { value: Value::Number(text, _), .. }) => {
                text.parse::<i64>().map_err(|_| "LIMIT and OFFSET take a non-negative integer".to_string())
            }
            _ => Err("LIMIT and OFFSET take a non-negative integer".to_string()),
        };
        let mut sql = String::new();
        match clause {
            None => {}
            Some(LimitClause::LimitOffset { limit, offset, limit_by }) if limit_by.is_empty() => {
                if let Some(limit) = limit {
                    sql += &format!(" LIMIT {}", count(limit)?);
                }
                if let Some(offset) = offset {
                    sql += &format!(" OFFSET {}", count(&offset.value)?);
                }
            }
            Some(_) => return refused("this form of LIMIT"),
        }
        Ok(sql)
    }

    fn set_expr(&mut self, body: &SetExpr, outer: Option<&Scope>) -> Res<Analyzed> {
        self.enter()?;
        let result = match body {
            SetExpr::Select(select) => self.select(select, outer, &[], false),
            SetExpr::Query(query) => {
                self.query(query, outer).map(|q| Analyzed { sql: format!("({})", q.sql), outs: q.outs })
            }
            SetExpr::SetOperation { op, set_quantifier, left, right } => {
                self.set_operation(op, set_quantifier, left, right, outer)
            }
            SetExpr::Values(_) | SetExpr::Table(_) => refused("this form of a query"),
            _ => Err("only SELECT statements are taken".into()),
        };
        self.leave();
        result
    }

    fn set_operation(
        &mut self,
        op: &SetOperator,
        quantifier: &SetQuantifier,
        left: &SetExpr,
        right: &SetExpr,
        outer: Option<&Scope>,
    ) -> Res<Analyzed> {
        let word = match (op, quantifier) {
            (SetOperator::Union, SetQuantifier::All) => "UNION ALL",
            (SetOperator::Union, SetQuantifier::Distinct) => "UNION",
            (SetOperator::Intersect, SetQuantifier::Distinct) => "INTERSECT",
            (SetOperator::Except, SetQuantifier::Distinct) => "EXCEPT",
            _ => return Err("a set operation is UNION ALL, UNION DISTINCT, INTERSECT DISTINCT or EXCEPT DISTINCT".into()),
        };
        let left = self.set_expr(left, outer)?;
        let right = self.set_expr(right, outer)?;
        let outs = common_columns(word, &left, &right)?;
        let sql = format!("{} {word} {}", with_types(&left, &outs), with_types(&right, &outs));
        Ok(Analyzed { sql, outs })
    }

    /// `outermost`: columns that are never given out are left away at once.
    fn select(
        &mut self,
        select: &Select,
        outer: Option<&Scope>,
        order: &[OrderByExpr],
        outermost: bool,
    ) -> Res<Analyzed> {
        let windows = std::mem::replace(&mut self.windows, named_windows(&select.named_window)?);
        let result = self.select_in(select, outer, order, outermost);
        self.windows = windows;
        result
    }

    fn select_in(
        &mut self,
        select: &Select,
        outer: Option<&Scope>,
        order: &[OrderByExpr],
        outermost: bool,
    ) -> Res<Analyzed> {
        if select.top.is_some()
            || select.exclude.is_some()
            || select.into.is_some()
            || select.prewhere.is_some()
            || select.select_modifiers.is_some()
            || !select.lateral_views.is_empty()
            || !select.connect_by.is_empty()
            || !select.cluster_by.is_empty()
            || !select.distribute_by.is_empty()
            || !select.sort_by.is_empty()
            || select.flavor != SelectFlavor::Standard
        {
            return refused("this clause of SELECT");
        }
        let distinct = match &select.distinct {
            None | Some(Distinct::All) => "",
            Some(Distinct::Distinct) => "DISTINCT ",
            Some(_) => return refused("DISTINCT ON"),
        };
        let mut scope = Scope::within(outer);
        let from = self.from(&select.from, &mut scope)?;
        let mut tail = String::new();
        if let Some(condition) = &select.selection {
            tail += &format!(" WHERE {}", self.condition(condition, &scope, "WHERE")?);
        }
        let mut items = self.projection(&select.projection, &scope)?;
        match select.value_table_mode {
            None => {}
            Some(ValueTableMode::AsStruct) => items = vec![as_struct(&items)],
            Some(_) => return refused("SELECT AS VALUE"),
        }
        if outermost && distinct.is_empty() {
            items.retain(|item| !item.name.starts_with("__") || item.name.eq_ignore_ascii_case("__timestamp"));
        }
        let names: Vec<String> = items.iter().map(|item| item.name.clone()).collect();
        let aliases = items.iter().filter(|i| i.named).map(|i| (i.name.clone(), i.ex.clone())).collect();
        let named = Scope { aliases, parent: Some(&scope), ..Scope::default() };
        tail += &self.group_by(&select.group_by, &named, &items)?;
        if let Some(condition) = &select.having {
            tail += &format!(" HAVING {}", self.condition(condition, &named, "HAVING")?);
        }
        if let Some(condition) = &select.qualify {
            tail += &format!(" QUALIFY {}", self.condition(condition, &named, "QUALIFY")?);
        }
        tail += &self.order_by(order, &named, &names)?;

        let mut outs: Vec<Out> = Vec::new();
        let mut parts = Vec::new();
        for item in items {
            let mut column = item.name.to_lowercase();
            for i in 1.. {
                if !outs.iter().any(|out| out.column == column) {
                    break;
                }
                column = format!("{}:{i}", item.name.to_lowercase());
            }
            // NULL alone has a type here.
            let sql = if item.ex.ty == Ty::Null { "CAST(NULL AS BIGINT)".into() } else { item.ex.sql };
            parts.push(format!("{sql} AS {}", quoted(&column)));
            outs.push(Out { name: item.name, column, ty: item.ex.ty });
        }
        Ok(Analyzed { sql: format!("SELECT {distinct}{}{from}{tail}", parts.join(", ")), outs })
    }

    fn projection(&mut self, list: &[SelectItem], scope: &Scope) -> Res<Vec<Item>> {
        let mut items = Vec::new();
        let mut unnamed = 0;
        for item in list {
            match item {
                SelectItem::UnnamedExpr(expr) => {
                    let ex = self.expr(expr, scope)?;
                    let named = ex.name.is_some();
                    let name = ex.name.clone().unwrap_or_else(|| {
                        unnamed += 1;
                        format!("f{}_", unnamed - 1)
                    });
                    items.push(Item { name, named, ex });
                }
                SelectItem::ExprWithAlias { expr, alias } => {
                    let ex = self.expr(expr, scope)?;
                    items.push(Item { name: alias.value.clone(), named: true, ex });
                }
                SelectItem::Wildcard(options) => {
                    if scope.rels.is_empty() {
                        return Err("SELECT * must have a FROM clause".into());
                    }
                    let columns = self.star(scope, None);
                    self.add_star(columns, options, scope, &mut items)?;
                }
                SelectItem::QualifiedWildcard(kind, options) => {
                    let columns = self.qualified_star(kind, scope)?;
                    self.add_star(columns, options, scope, &mut items)?;
                }
                SelectItem::ExprWithAliases { .. } => return refused("a list of aliases"),
            }
        }
        Ok(items)
    }

    /// All columns of one table of the scope, or of all, and what they are of stored tables.
    fn star(&self, scope: &Scope, rel: Option<usize>) -> Vec<Starred> {
        let mut out = Vec::new();
        let mut merged: Vec<String> = Vec::new();
        for (i, table) in scope.rels.iter().enumerate() {
            if rel.is_some_and(|wanted| wanted != i) {
                continue;
            }
            for col in table.cols.iter().filter(|col| col.star) {
                let lower = col.name.to_lowercase();
                let shared = scope.merged.iter().find(|m| m.name == lower && rel.is_none());
                if let Some(shared) = shared {
                    if !merged.contains(&lower) {
                        merged.push(lower);
                        out.push((shared.ex.clone(), shared.stored.clone()));
                    }
                    continue;
                }
                let mut ex = Ex::new(col.sql.clone(), col.ty.clone());
                ex.name = Some(col.name.clone());
                out.push((ex, col.stored.iter().cloned().collect()));
            }
        }
        out
    }

    fn qualified_star(&mut self, kind: &SelectItemQualifiedWildcardKind, scope: &Scope) -> Res<Vec<Starred>> {
        let value = match kind {
            SelectItemQualifiedWildcardKind::ObjectName(name) => {
                let path = crate::analyzer::path_of(name)?;
                if let [alias] = &path[..] {
                    let rel = scope.rels.iter().position(|rel| rel.alias.eq_ignore_ascii_case(alias));
                    if rel.is_some() {
                        return Ok(self.star(scope, rel));
                    }
                }
                scope.resolve(&path, false, &mut self.mentions)?
            }
            SelectItemQualifiedWildcardKind::Expr(expr) => self.expr(expr, scope)?,
        };
        let Ty::Struct(fields) = &value.ty else {
            return Err(format!("dot-star is not supported for type {}", value.ty.name()));
        };
        fields.iter().map(|(name, _)| Ok((field(&value, name)?, Vec::new()))).collect()
    }

    fn add_star(
        &mut self,
        columns: Vec<Starred>,
        options: &WildcardAdditionalOptions,
        scope: &Scope,
        items: &mut Vec<Item>,
    ) -> Res<()> {
        if options.opt_ilike.is_some()
            || options.opt_exclude.is_some()
            || options.opt_rename.is_some()
            || options.opt_alias.is_some()
        {
            return refused("this form of *");
        }
        let mut except: Vec<String> = Vec::new();
        if let Some(list) = &options.opt_except {
            except.push(list.first_element.value.to_lowercase());
            except.extend(list.additional_elements.iter().map(|ident| ident.value.to_lowercase()));
        }
        let name_of = |ex: &Ex| ex.name.clone().unwrap_or_default();
        for name in &except {
            if !columns.iter().any(|(ex, _)| name_of(ex).eq_ignore_ascii_case(name)) {
                return Err(format!("column {name} in SELECT * EXCEPT list does not exist"));
            }
        }
        let replaced = options.opt_replace.as_ref().map_or(&[][..], |list| &list.items[..]);
        for element in replaced {
            let name = &element.column_name.value;
            if !columns.iter().any(|(ex, _)| name_of(ex).eq_ignore_ascii_case(name)) {
                return Err(format!("column {name} in SELECT * REPLACE list does not exist"));
            }
        }
        for (column, stored) in columns {
            let name = name_of(&column);
            if except.contains(&name.to_lowercase()) {
                continue;
            }
            let element = replaced.iter().find(|e| e.column_name.value.eq_ignore_ascii_case(&name));
            let ex = match element {
                Some(element) => self.expr(&element.expr, scope)?,
                None => {
                    // Hidden columns come along without being asked for.
                    let asked = stored.into_iter().filter(|_| !name.starts_with("__"));
                    for (table, column) in asked {
                        self.mentions[table].insert(column);
                    }
                    column
                }
            };
            items.push(Item { name, named: true, ex });
        }
        Ok(())
    }

    fn group_by(&mut self, group: &GroupByExpr, named: &Scope, items: &[Item]) -> Res<String> {
        let (list, modifiers) = match group {
            GroupByExpr::All(modifiers) if modifiers.is_empty() => return Ok(" GROUP BY ALL".into()),
            GroupByExpr::All(_) => return refused("this form of GROUP BY"),
            GroupByExpr::Expressions(list, modifiers) => (list, modifiers),
        };
        if !modifiers.is_empty() {
            return refused("this form of GROUP BY");
        }
        if let [single @ (Expr::Rollup(sets) | Expr::Cube(sets) | Expr::GroupingSets(sets))] = &list[..] {
            let mut keys = Vec::new();
            for set in sets {
                keys.push(self.group_keys(set, named, items)?);
            }
            // A key is in at most as many sets as there are.
            let count = match single {
                Expr::Rollup(_) => keys.len() + 1,
                Expr::Cube(_) => 1 << keys.len().min(30),
                _ => 1,
            };
            let bytes: usize = keys.iter().flatten().map(String::len).sum();
            if count.max(keys.len()) > GROUPING_SETS_MAX || bytes.saturating_mul(count) > GROUPING_BYTES_MAX {
                return Err("GROUP BY has too many grouping sets".into());
            }
            let sets = match single {
                Expr::Rollup(_) => rolled_up(&keys),
                Expr::Cube(_) => cubed(&keys),
                _ => keys,
            };
            let parts: Vec<String> = sets.iter().map(|set| format!("({})", set.join(", "))).collect();
            return Ok(format!(" GROUP BY GROUPING SETS ({})", parts.join(", ")));
        }
        let parts = self.group_keys(list, named, items)?;
        Ok(if parts.is_empty() { String::new() } else { format!(" GROUP BY {}", parts.join(", ")) })
    }

    fn group_keys(&mut self, list: &[Expr], named: &Scope, items: &[Item]) -> Res<Vec<String>> {
        let mut parts = Vec::new();
        for expr in list {
            if let Some(place) = ordinal(expr, items.len(), "GROUP BY")? {
                parts.push(items[place].ex.sql.clone());
                continue;
            }
            let ex = self.expr(expr, named)?;
            if matches!(ex.lit, Lit::Str(_) | Lit::Float | Lit::Null) {
                return Err("cannot GROUP BY literal values".into());
            }
            parts.push(ex.sql);
        }
        Ok(parts)
    }

    /// ` ORDER BY …`, or nothing. `names`: of the outputs, for ordinals and aliases.
    fn order_by(&mut self, list: &[OrderByExpr], scope: &Scope, names: &[String]) -> Res<String> {
        let mut parts = Vec::new();
        for item in list {
            let mut place = ordinal(&item.expr, names.len(), "ORDER BY")?;
            if let Expr::Identifier(ident) = &item.expr {
                place = names.iter().position(|name| name.eq_ignore_ascii_case(&ident.value));
            }
            let key = match place {
                Some(place) => (place + 1).to_string(),
                None => self.expr(&item.expr, scope)?.sql,
            };
            parts.push(format!("{key}{}", direction(item)?));
        }
        Ok(if parts.is_empty() { String::new() } else { format!(" ORDER BY {}", parts.join(", ")) })
    }

    /// The keys of an ORDER BY that is not a query's.
    pub fn order_keys(&mut self, list: &[OrderByExpr], scope: &Scope) -> Res<String> {
        let mut parts = Vec::new();
        for item in list {
            parts.push(format!("{}{}", self.expr(&item.expr, scope)?.sql, direction(item)?));
        }
        Ok(if parts.is_empty() { String::new() } else { format!(" ORDER BY {}", parts.join(", ")) })
    }

    pub fn condition(&mut self, expr: &Expr, scope: &Scope, clause: &str) -> Res<String> {
        let ex = self.expr(expr, scope)?;
        match ex.ty {
            Ty::Bool | Ty::Null => Ok(ex.sql),
            ty => Err(format!("{clause} clause should return type BOOL, but returns {}", ty.name())),
        }
    }
}

/// The grouping sets of ROLLUP: the keys, and ever fewer of them from the left.
fn rolled_up(keys: &[Vec<String>]) -> Vec<Vec<String>> {
    (0..=keys.len()).rev().map(|count| keys[..count].concat()).collect()
}

/// The grouping sets of CUBE: every choice of keys.
fn cubed(keys: &[Vec<String>]) -> Vec<Vec<String>> {
    let chosen = |choice: usize| {
        let picked = keys.iter().enumerate().filter(|(i, _)| choice & (1 << i) != 0);
        picked.flat_map(|(_, set)| set.clone()).collect()
    };
    (0..1 << keys.len()).rev().map(chosen).collect()
}

/// The windows of a WINDOW clause; what one takes over from another is part of it.
fn named_windows(list: &[NamedWindowDefinition]) -> Res<Vec<(String, WindowSpec, usize)>> {
    if list.len() > WINDOWS_MAX {
        return Err(format!("a SELECT has at most {WINDOWS_MAX} named windows"));
    }
    let mut out: Vec<(String, WindowSpec, usize)> = Vec::new();
    for NamedWindowDefinition(ident, given) in list {
        let name = ident.value.to_lowercase();
        if out.iter().any(|(other, ..)| *other == name) {
            return Err(format!("window {name} is named twice"));
        }
        let spec = match given {
            NamedWindowExpr::NamedWindow(other) => named_window(&out, other)?.0,
            NamedWindowExpr::WindowSpec(spec) => whole_window(&out, spec)?,
        };
        let size = spec.to_string().len();
        if size > SQL_BYTES_MAX {
            return Err("the statement is too complex".into());
        }
        out.push((name, spec, size));
    }
    Ok(out)
}

pub fn named_window(windows: &[(String, WindowSpec, usize)], name: &Ident) -> Res<(WindowSpec, usize)> {
    let found = windows.iter().find(|(other, ..)| other.eq_ignore_ascii_case(&name.value));
    found.map(|(_, spec, size)| (spec.clone(), *size)).ok_or_else(|| format!("window {} is not defined", name.value))
}

/// A window with what it takes over from the one that it names.
pub fn whole_window(windows: &[(String, WindowSpec, usize)], spec: &WindowSpec) -> Res<WindowSpec> {
    let Some(name) = &spec.window_name else { return Ok(spec.clone()) };
    let (base, _) = named_window(windows, name)?;
    let wrong = |what: &str| Err(format!("a window that refers to window {} cannot have {what}", name.value));
    if !spec.partition_by.is_empty() {
        return wrong("PARTITION BY");
    }
    if !spec.order_by.is_empty() && !base.order_by.is_empty() {
        return wrong("ORDER BY, which that one has");
    }
    if base.window_frame.is_some() && (!spec.order_by.is_empty() || spec.window_frame.is_some()) {
        return wrong("more, since that one has a frame");
    }
    Ok(WindowSpec {
        window_name: None,
        partition_by: base.partition_by,
        order_by: if spec.order_by.is_empty() { base.order_by } else { spec.order_by.clone() },
        window_frame: spec.window_frame.clone().or(base.window_frame),
    })
}

fn as_struct(items: &[Item]) -> Item {
    let fields = items.iter().map(|item| (item.name.clone(), item.ex.ty.clone())).collect();
    let parts: Vec<String> =
        items.iter().map(|item| format!("{} := {}", quoted(&item.name), item.ex.sql)).collect();
    let ex = Ex::new(format!("struct_pack({})", parts.join(", ")), Ty::Struct(fields));
    Item { name: "f0_".into(), named: false, ex }
}

/// The output that a bare number means.
fn ordinal(expr: &Expr, count: usize, clause: &str) -> Res<Option<usize>> {
    let Expr::Value(ValueWithSpan { value: Value::Number(text, _), .. }) = expr else {
        return Ok(None);
    };
    match text.parse::<usize>() {
        Ok(place) if place >= 1 && place <= count => Ok(Some(place - 1)),
        _ => Err(format!("{clause} is out of SELECT column number range: {text}")),
    }
}

/// Ascending order has nulls first, descending order last.
fn direction(item: &OrderByExpr) -> Res<&'static str> {
    if item.with_fill.is_some() {
        return refused("WITH FILL");
    }
    let descending = match &item.options.sort {
        None | Some(OrderBySort::Asc) => false,
        Some(OrderBySort::Desc) => true,
        Some(_) => return refused("ORDER BY … USING"),
    };
    Ok(match (descending, item.options.nulls_first.unwrap_or(!descending)) {
        (false, true) => " ASC NULLS FIRST",
        (false, false) => " ASC NULLS LAST",
        (true, true) => " DESC NULLS FIRST",
        (true, false) => " DESC NULLS LAST",
    })
}
