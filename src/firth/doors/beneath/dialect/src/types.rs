//! The dialect's types, and how the executing engine writes them.

use serde_json::{json, Value as Json};

pub type Res<T> = Result<T, String>;

#[derive(Clone, Debug, PartialEq)]
pub enum Ty {
    /// Of the literal NULL: any type.
    Null,
    Bool,
    Int,
    Float,
    Numeric,
    Str,
    Bytes,
    Timestamp,
    Date,
    Datetime,
    Time,
    Interval,
    Array(Box<Ty>),
    Struct(Vec<(String, Ty)>),
}

impl Ty {
    pub fn is_number(&self) -> bool {
        matches!(self, Ty::Int | Ty::Float | Ty::Numeric | Ty::Null)
    }

    pub fn name(&self) -> String {
        match self {
            Ty::Null => "NULL".into(),
            Ty::Bool => "BOOL".into(),
            Ty::Int => "INT64".into(),
            Ty::Float => "FLOAT64".into(),
            Ty::Numeric => "NUMERIC".into(),
            Ty::Str => "STRING".into(),
            Ty::Bytes => "BYTES".into(),
            Ty::Timestamp => "TIMESTAMP".into(),
            Ty::Date => "DATE".into(),
            Ty::Datetime => "DATETIME".into(),
            Ty::Time => "TIME".into(),
            Ty::Interval => "INTERVAL".into(),
            Ty::Array(item) => format!("ARRAY<{}>", item.name()),
            Ty::Struct(fields) => {
                let inner: Vec<String> =
                    fields.iter().map(|(name, ty)| format!("{name} {}", ty.name())).collect();
                format!("STRUCT<{}>", inner.join(", "))
            }
        }
    }

    /// As the engine writes it.
    pub fn engine(&self) -> String {
        match self {
            Ty::Null | Ty::Int => "BIGINT".into(),
            Ty::Bool => "BOOLEAN".into(),
            Ty::Float => "DOUBLE".into(),
            Ty::Numeric => "BIGNUM".into(),
            Ty::Str => "VARCHAR".into(),
            Ty::Bytes => "BLOB".into(),
            Ty::Timestamp | Ty::Datetime => "TIMESTAMP".into(),
            Ty::Date => "DATE".into(),
            Ty::Time => "TIME".into(),
            Ty::Interval => "INTERVAL".into(),
            Ty::Array(item) => format!("{}[]", item.engine()),
            Ty::Struct(fields) => {
                let inner: Vec<String> =
                    fields.iter().map(|(name, ty)| format!("{} {}", quoted(name), ty.engine())).collect();
                format!("STRUCT({})", inner.join(", "))
            }
        }
    }

    /// The same with the digits of numbers without bounds as text, which is how they are stored and given out.
    pub fn stored(&self) -> String {
        match self {
            Ty::Numeric => "VARCHAR".into(),
            Ty::Array(item) => format!("{}[]", item.stored()),
            Ty::Struct(fields) => {
                let inner: Vec<String> =
                    fields.iter().map(|(name, ty)| format!("{} {}", quoted(name), ty.stored())).collect();
                format!("STRUCT({})", inner.join(", "))
            }
            other => other.engine(),
        }
    }

    pub fn has_numeric(&self) -> bool {
        match self {
            Ty::Numeric => true,
            Ty::Array(item) => item.has_numeric(),
            Ty::Struct(fields) => fields.iter().any(|(_, ty)| ty.has_numeric()),
            _ => false,
        }
    }

    /// The type that both become when they meet; none where they cannot.
    pub fn with(&self, other: &Ty) -> Option<Ty> {
        match (self, other) {
            (a, b) if a == b => Some(a.clone()),
            (Ty::Null, b) => Some(b.clone()),
            (a, Ty::Null) => Some(a.clone()),
            (Ty::Int, Ty::Numeric) | (Ty::Numeric, Ty::Int) => Some(Ty::Numeric),
            (Ty::Float, Ty::Int | Ty::Numeric) | (Ty::Int | Ty::Numeric, Ty::Float) => Some(Ty::Float),
            (Ty::Array(a), Ty::Array(b)) => Some(Ty::Array(Box::new(a.with(b)?))),
            (Ty::Struct(a), Ty::Struct(b)) if a.len() == b.len() => {
                let mut fields = Vec::new();
                for ((name, x), (_, y)) in a.iter().zip(b) {
                    fields.push((name.clone(), x.with(y)?));
                }
                Some(Ty::Struct(fields))
            }
            _ => None,
        }
    }

    pub fn to_json(&self) -> Json {
        match self {
            Ty::Array(item) => json!({ "array": item.to_json() }),
            Ty::Struct(fields) => {
                let inner: Vec<Json> = fields.iter().map(|(name, ty)| json!([name, ty.to_json()])).collect();
                json!({ "struct": inner })
            }
            Ty::Null => Json::String(Ty::Int.name()),
            other => Json::String(other.name()),
        }
    }

    pub fn from_json(text: &Json) -> Res<Ty> {
        let bad = || "a table's type cannot be read".to_string();
        if let Some(name) = text.as_str() {
            return Ok(match name {
                "BOOL" => Ty::Bool,
                "INT64" => Ty::Int,
                "FLOAT64" => Ty::Float,
                "NUMERIC" => Ty::Numeric,
                "STRING" => Ty::Str,
                "BYTES" => Ty::Bytes,
                "TIMESTAMP" => Ty::Timestamp,
                _ => return Err(bad()),
            });
        }
        if let Some(item) = text.get("array") {
            return Ok(Ty::Array(Box::new(Ty::from_json(item)?)));
        }
        let mut fields = Vec::new();
        for field in text.get("struct").and_then(Json::as_array).ok_or_else(bad)? {
            let name = field.get(0).and_then(Json::as_str).ok_or_else(bad)?;
            fields.push((name.to_string(), Ty::from_json(field.get(1).ok_or_else(bad)?)?));
        }
        Ok(Ty::Struct(fields))
    }
}

/// An identifier of the engine.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text literal of the engine.
pub fn text(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

/// A NUMERIC as an integer of 128 bits, which the engine multiplies and divides; a longer one is an error.
pub fn bounded(sql: &str) -> String {
    format!("CAST(CAST({sql} AS VARCHAR) AS HUGEINT)")
}

/// Any whole number as a NUMERIC.
pub fn unbounded(sql: &str) -> String {
    format!("CAST(CAST({sql} AS VARCHAR) AS BIGNUM)")
}

/// What is known of an expression's value before it runs.
#[derive(Clone, Debug, PartialEq)]
pub enum Lit {
    No,
    Null,
    Int(i64),
    Float,
    Str(String),
}

/// An analyzed expression, in the engine's SQL.
#[derive(Clone, Debug)]
pub struct Ex {
    pub sql: String,
    pub ty: Ty,
    pub lit: Lit,
    /// The name that it has in a select list without an alias.
    pub name: Option<String>,
}

impl Ex {
    pub fn new(sql: impl Into<String>, ty: Ty) -> Ex {
        Ex { sql: sql.into(), ty, lit: Lit::No, name: None }
    }

    pub fn null() -> Ex {
        Ex { sql: "NULL".into(), ty: Ty::Null, lit: Lit::Null, name: None }
    }
}
