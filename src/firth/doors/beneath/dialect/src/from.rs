//! FROM clauses: stored tables, subqueries, arrays, joins.

use crate::analyzer::{path_of, Analyzer};
use crate::query::SELF_REFERENCE;
use crate::literals::table_path;
use crate::scope::{field, Col, Merged, Rel, Scope};
use crate::types::{quoted, Ex, Res, Ty};
use sqlparser::ast::*;

fn refused<T>(what: &str) -> Res<T> {
    Err(format!("{what} is not supported in FROM"))
}

impl Analyzer<'_> {
    /// ` FROM …`, or nothing; its tables are added to `scope`.
    pub fn from(&mut self, list: &[TableWithJoins], scope: &mut Scope) -> Res<String> {
        let mut sql = String::new();
        for item in list {
            sql += if sql.is_empty() { " FROM " } else { " CROSS JOIN " };
            sql += &self.table(&item.relation, scope)?;
            for join in &item.joins {
                sql += &self.join(join, scope)?;
            }
        }
        Ok(sql)
    }

    fn join(&mut self, join: &Join, scope: &mut Scope) -> Res<String> {
        if join.global {
            return refused("GLOBAL JOIN");
        }
        let (word, constraint) = match &join.join_operator {
            JoinOperator::Join(c) | JoinOperator::Inner(c) => ("JOIN", c),
            JoinOperator::Left(c) | JoinOperator::LeftOuter(c) => ("LEFT JOIN", c),
            JoinOperator::Right(c) | JoinOperator::RightOuter(c) => ("RIGHT JOIN", c),
            JoinOperator::FullOuter(c) => ("FULL JOIN", c),
            JoinOperator::CrossJoin(c) => ("CROSS JOIN", c),
            _ => return refused("this kind of JOIN"),
        };
        let array = matches!(join.relation, TableFactor::UNNEST { .. });
        let before = scope.rels.len();
        let table = self.table(&join.relation, scope)?;
        match (word, constraint) {
            ("CROSS JOIN", JoinConstraint::None) => Ok(format!(" CROSS JOIN {table}")),
            ("CROSS JOIN", _) => Err("CROSS JOIN takes no ON and no USING".into()),
            (_, JoinConstraint::None) if array && matches!(word, "JOIN" | "LEFT JOIN") => {
                Ok(format!(" {word} {table} ON true"))
            }
            (_, JoinConstraint::On(condition)) => {
                let condition = self.condition(condition, scope, "JOIN ON")?;
                Ok(format!(" {word} {table} ON {condition}"))
            }
            (_, JoinConstraint::Using(names)) => {
                let mut parts = Vec::new();
                for name in names {
                    let path = path_of(name)?;
                    let [name] = &path[..] else { return Err("USING takes names of columns".into()) };
                    parts.push(self.merge(word, &name.to_lowercase(), before, scope)?);
                }
                Ok(format!(" {word} {table} ON {}", parts.join(" AND ")))
            }
            _ => Err(format!("{word} must have an ON or a USING clause")),
        }
    }

    /// Make one column of two with a name; the condition that joins them.
    fn merge(&mut self, word: &str, name: &str, before: usize, scope: &mut Scope) -> Res<String> {
        let find = |rels: &[Rel]| -> Res<Option<Col>> {
            let mut all = rels.iter().flat_map(|rel| &rel.cols).filter(|col| col.name.eq_ignore_ascii_case(name));
            let found = all.next().cloned();
            if all.next().is_some() {
                return Err(format!("column {name} in USING is ambiguous"));
            }
            Ok(found)
        };
        let missing = || format!("column {name} in USING clause not found on both sides of the join");
        let earlier = scope.merged.iter().position(|m| m.name == name).map(|at| scope.merged.remove(at));
        let left = match earlier {
            Some(merged) => merged,
            None => {
                let col = find(&scope.rels[..before])?.ok_or_else(missing)?;
                Merged {
                    name: name.into(),
                    ex: Ex { name: Some(col.name.clone()), ..Ex::new(col.sql, col.ty) },
                    stored: col.stored.into_iter().collect(),
                }
            }
        };
        let right = find(&scope.rels[before..])?.ok_or_else(missing)?;
        let ty = left.ex.ty.with(&right.ty).ok_or_else(|| {
            format!("column {name} in USING has incompatible types: {}, {}", left.ex.ty.name(), right.ty.name())
        })?;
        let condition = format!("{} = {}", left.ex.sql, right.sql);
        let sql = match word {
            "RIGHT JOIN" => right.sql.clone(),
            "FULL JOIN" => format!("coalesce({}, {})", left.ex.sql, right.sql),
            _ => left.ex.sql.clone(),
        };
        let mut stored = left.stored;
        stored.extend(right.stored);
        for (table, column) in &stored {
            self.mentions[*table].insert(column.clone());
        }
        let ex = Ex { name: left.ex.name, ..Ex::new(sql, ty) };
        scope.merged.push(Merged { name: name.into(), ex, stored });
        Ok(condition)
    }

    fn add(&mut self, scope: &mut Scope, alias: String, cols: Vec<Col>) -> Res<()> {
        if scope.rels.iter().any(|rel| rel.alias == alias) {
            return Err(format!("duplicate table alias {alias} in the same FROM clause"));
        }
        scope.rels.push(Rel { alias, cols });
        Ok(())
    }

    fn alias(&mut self, alias: &Option<TableAlias>, otherwise: Option<String>) -> Res<String> {
        match alias {
            Some(alias) if !alias.columns.is_empty() || alias.at.is_some() => refused("a list of columns"),
            Some(alias) => Ok(alias.name.value.to_lowercase()),
            None => Ok(otherwise.unwrap_or_else(|| {
                self.unnamed += 1;
                format!(":{}", self.unnamed)
            })),
        }
    }

    fn table(&mut self, factor: &TableFactor, scope: &mut Scope) -> Res<String> {
        self.enter()?;
        let result = self.table_in(factor, scope);
        self.leave();
        result
    }

    fn table_in(&mut self, factor: &TableFactor, scope: &mut Scope) -> Res<String> {
        match factor {
            TableFactor::Table {
                name,
                alias,
                args: None,
                with_hints,
                version: None,
                with_ordinality: false,
                partitions,
                json_path: None,
                sample: None,
                index_hints,
            } if with_hints.is_empty() && partitions.is_empty() && index_hints.is_empty() => {
                self.named_table(name, alias, scope)
            }
            TableFactor::Derived { lateral: false, subquery, alias, sample: None } => {
                let parent = scope.parent;
                let analyzed = self.query(subquery, parent)?;
                let alias = self.alias(alias, None)?;
                let cols = analyzed.outs.iter().map(|out| out.column_of(&alias)).collect();
                let sql = format!("({}) AS {}", analyzed.sql, quoted(&alias));
                self.add(scope, alias, cols)?;
                Ok(sql)
            }
            TableFactor::UNNEST { alias, array_exprs, with_offset, with_offset_alias, with_ordinality: false } => {
                let [array] = &array_exprs[..] else { return refused("UNNEST of several arrays") };
                let array = self.expr(array, scope)?;
                let offset = with_offset.then(|| {
                    with_offset_alias.as_ref().map_or("offset".to_string(), |ident| ident.value.to_lowercase())
                });
                self.unnest(array, alias, offset, scope)
            }
            TableFactor::NestedJoin { table_with_joins, alias: None } => {
                let mut sql = self.table(&table_with_joins.relation, scope)?;
                for join in &table_with_joins.joins {
                    sql += &self.join(join, scope)?;
                }
                Ok(format!("({sql})"))
            }
            _ => refused("this"),
        }
    }

    fn named_table(&mut self, name: &ObjectName, alias: &Option<TableAlias>, scope: &mut Scope) -> Res<String> {
        let path = path_of(name)?;
        let slashed = path.iter().any(|part| part.contains('/'));
        if slashed {
            return self.stored_table(&table_path(&path.join("."))?, alias, scope);
        }
        if let [single] = &path[..] {
            let lower = single.to_lowercase();
            if let Some(cte) = self.ctes.iter().rev().find(|cte| cte.name == lower) {
                let Some(outs) = cte.outs.clone() else { return Err(SELF_REFERENCE.into()) };
                let alias = self.alias(alias, Some(lower.clone()))?;
                let cols = outs.iter().map(|out| out.column_of(&alias)).collect();
                let sql = format!("{} AS {}", quoted(&lower), quoted(&alias));
                self.add(scope, alias, cols)?;
                return Ok(sql);
            }
        } else if scope.rels.iter().any(|rel| rel.alias.eq_ignore_ascii_case(&path[0])) {
            let array = scope.resolve(&path, false, &mut self.mentions)?;
            return self.unnest(array, alias, None, scope);
        }
        Err(format!(
            "table {} not found; write a table's path in backticks: `organization/project/table`",
            path.join(".")
        ))
    }

    fn stored_table(&mut self, path: &str, alias: &Option<TableAlias>, scope: &mut Scope) -> Res<String> {
        let index = self.tables.iter().position(|table| table.path == path);
        let index = index.ok_or_else(|| format!("table {path} not found"))?;
        let otherwise = path.rsplit('/').next().map(str::to_string);
        let alias = self.alias(alias, otherwise)?;
        let table = &self.tables[index];
        let mut cols: Vec<Col> = Vec::new();
        for (name, ty) in table.columns.iter().chain(table.hidden.iter()) {
            cols.push(Col {
                name: name.clone(),
                sql: format!("{}.{}", quoted(&alias), quoted(name)),
                ty: ty.clone(),
                stored: Some((index, name.clone())),
                star: true,
            });
        }
        let sql = format!("{} AS {}", table.sql, quoted(&alias));
        self.add(scope, alias, cols)?;
        Ok(sql)
    }

    fn unnest(
        &mut self,
        array: Ex,
        alias: &Option<TableAlias>,
        offset: Option<String>,
        scope: &mut Scope,
    ) -> Res<String> {
        let Ty::Array(item) = array.ty else {
            return Err(format!("UNNEST takes an array, not {}", array.ty.name()));
        };
        let alias = self.alias(alias, None)?;
        let col = |name: &str, ty: Ty| Col {
            name: name.into(),
            sql: format!("{}.{}", quoted(&alias), quoted(name)),
            ty,
            stored: None,
            star: true,
        };
        let mut value = col(&alias, (*item).clone());
        let mut cols = Vec::new();
        if let Ty::Struct(fields) = &*item {
            value.star = false;
            let row = Ex::new(value.sql.clone(), (*item).clone());
            for (name, ty) in fields {
                cols.push(Col { sql: field(&row, name)?.sql, ..col(name, ty.clone()) });
            }
        }
        cols.insert(0, value);
        let mut sql = format!("SELECT unnest({}) AS {}", array.sql, quoted(&alias));
        if let Some(offset) = &offset {
            sql += &format!(", generate_subscripts({}, 1) - 1 AS {}", array.sql, quoted(offset));
            cols.push(col(offset, Ty::Int));
        }
        let sql = format!("LATERAL ({sql}) AS {}", quoted(&alias));
        self.add(scope, alias, cols)?;
        Ok(sql)
    }
}
