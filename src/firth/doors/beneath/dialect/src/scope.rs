//! What names mean at one place of a statement.

use crate::types::{quoted, Ex, Res, Ty};
use std::collections::BTreeSet;

#[derive(Clone, Debug)]
pub struct Col {
    pub name: String,
    /// How it is referred to, alias included.
    pub sql: String,
    pub ty: Ty,
    /// The column of a stored table that it is.
    pub stored: Option<(usize, String)>,
    /// Is it part of `*`?
    pub star: bool,
}

/// A table of a FROM clause.
#[derive(Clone, Debug)]
pub struct Rel {
    /// In lower case.
    pub alias: String,
    pub cols: Vec<Col>,
}

/// A column that a USING clause made of two.
#[derive(Clone, Debug)]
pub struct Merged {
    pub name: String,
    pub ex: Ex,
    pub stored: Vec<(usize, String)>,
}

#[derive(Default)]
pub struct Scope<'p> {
    pub rels: Vec<Rel>,
    pub merged: Vec<Merged>,
    /// Names of a select list, where they may be used.
    pub aliases: Vec<(String, Ex)>,
    pub parent: Option<&'p Scope<'p>>,
}

/// Columns of stored tables that a statement mentions, by table.
pub type Mentions = Vec<BTreeSet<String>>;

fn mention(mentions: &mut Mentions, stored: &Option<(usize, String)>) {
    if let Some((table, column)) = stored {
        mentions[*table].insert(column.clone());
    }
}

impl Col {
    pub fn take(&self, mentions: &mut Mentions) -> Ex {
        mention(mentions, &self.stored);
        let mut ex = Ex::new(self.sql.clone(), self.ty.clone());
        ex.name = Some(self.name.clone());
        ex
    }
}

impl Rel {
    fn find(&self, name: &str) -> Option<&Col> {
        self.cols.iter().find(|col| col.name.eq_ignore_ascii_case(name))
    }

    /// The row as one value.
    fn row(&self, mentions: &mut Mentions) -> Res<Ex> {
        let mut fields = Vec::new();
        let mut parts = Vec::new();
        for col in self.cols.iter().filter(|col| col.star) {
            // A row's hidden columns ride along, but nobody asked for them.
            if !col.name.starts_with("__") {
                mention(mentions, &col.stored);
            }
            parts.push(format!("{} := {}", quoted(&col.name), col.sql));
            fields.push((col.name.clone(), col.ty.clone()));
        }
        if fields.is_empty() {
            return Err(format!("'{}' has no columns", self.alias));
        }
        let mut ex = Ex::new(format!("struct_pack({})", parts.join(", ")), Ty::Struct(fields));
        ex.name = Some(self.alias.clone());
        Ok(ex)
    }
}

/// A field of a struct.
pub fn field(of: &Ex, name: &str) -> Res<Ex> {
    let Ty::Struct(fields) = &of.ty else {
        return Err(format!("cannot access field {name} on a value with type {}", of.ty.name()));
    };
    let found = fields.iter().find(|(field, _)| field.eq_ignore_ascii_case(name));
    let (name, ty) = found.ok_or_else(|| format!("field name {name} does not exist in {}", of.ty.name()))?;
    let sql = format!("struct_extract({}, {})", of.sql, crate::types::text(name));
    Ok(Ex { name: Some(name.clone()), ..Ex::new(sql, ty.clone()) })
}

impl<'p> Scope<'p> {
    pub fn within(parent: Option<&'p Scope<'p>>) -> Scope<'p> {
        Scope { parent, ..Scope::default() }
    }

    fn column(&self, name: &str, mentions: &mut Mentions) -> Res<Option<Ex>> {
        if let Some(merged) = self.merged.iter().find(|m| m.name.eq_ignore_ascii_case(name)) {
            for stored in &merged.stored {
                mentions[stored.0].insert(stored.1.clone());
            }
            return Ok(Some(merged.ex.clone()));
        }
        let mut found: Option<&Col> = None;
        for rel in &self.rels {
            let matches = rel.cols.iter().filter(|col| col.name.eq_ignore_ascii_case(name));
            for col in matches {
                if found.is_some() {
                    return Err(format!("column name {name} is ambiguous"));
                }
                found = Some(col);
            }
        }
        Ok(found.map(|col| col.take(mentions)))
    }

    /// The value that `a.b.c` means. `aliases`: may names of the select list be used?
    pub fn resolve(&self, path: &[String], aliases: bool, mentions: &mut Mentions) -> Res<Ex> {
        let mut level = Some(self);
        while let Some(scope) = level {
            if let Some((mut ex, used)) = scope.resolve_here(path, aliases, mentions)? {
                for name in &path[used..] {
                    ex = field(&ex, name)?;
                }
                return Ok(ex);
            }
            level = scope.parent;
        }
        Err(format!("unrecognized name: {}", path.join(".")))
    }

    /// The value that the first names of a path mean, and how many those are.
    fn resolve_here(
        &self,
        path: &[String],
        aliases: bool,
        mentions: &mut Mentions,
    ) -> Res<Option<(Ex, usize)>> {
        if aliases {
            if let Some((_, ex)) = self.aliases.iter().find(|(name, _)| name.eq_ignore_ascii_case(&path[0])) {
                return Ok(Some((ex.clone(), 1)));
            }
        }
        let rel = self.rels.iter().find(|rel| rel.alias.eq_ignore_ascii_case(&path[0]));
        if let (Some(rel), Some(second)) = (rel, path.get(1)) {
            if let Some(col) = rel.find(second) {
                return Ok(Some((col.take(mentions), 2)));
            }
        }
        if let Some(ex) = self.column(&path[0], mentions)? {
            return Ok(Some((ex, 1)));
        }
        let Some(rel) = rel else { return Ok(None) };
        if let Some(second) = path.get(1) {
            return Err(format!("name {second} not found inside {}", rel.alias));
        }
        Ok(Some((rel.row(mentions)?, 1)))
    }
}
