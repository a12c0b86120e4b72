//! The warehouse's dialect (standard SQL as a large cloud warehouse speaks it): statements are parsed by
//! `sqlparser`, analyzed here against the tables that they name, and written in the SQL of the engine that
//! runs them. JSON goes in and comes out, so that the other side of the C interface needs no type of ours.

mod aggregates;
mod analyzer;
mod casts;
mod from;
mod functions;
mod literals;
mod query;
mod scope;
mod statement;
mod time;
mod types;

use serde_json::{json, Value as Json};
use std::panic::{catch_unwind, AssertUnwindSafe};

/// Deep statements need a deep stack, which costs nothing until it is used.
const STACK_BYTES: usize = 512 << 20;

/// Run on a stack of our own; what goes wrong becomes `{"error": …}`.
fn answer(work: impl FnOnce() -> Result<Json, String> + Send + 'static) -> String {
    let guarded = move || {
        catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err("the statement cannot be understood".into()))
    };
    let result = std::thread::Builder::new()
        .stack_size(STACK_BYTES)
        .spawn(guarded)
        .map_err(|e| format!("no thread can be started: {e}"))
        .and_then(|thread| thread.join().unwrap_or_else(|_| Err("the statement cannot be understood".into())));
    match result {
        Ok(value) => value.to_string(),
        Err(error) => json!({ "error": error }).to_string(),
    }
}

/// `{"tables": [path…]}`: the stored tables that a statement names.
pub fn tables(sql: &str) -> String {
    let sql = sql.to_string();
    answer(move || Ok(json!({ "tables": statement::tables(&sql)? })))
}

/// `{"sql", "columns": [{"name", "type"}], "mentions": {path: [column…]}}` for
/// `{"sql", "now_us", "tables": {path: …}}`; see `statement`.
pub fn translate(request: &str) -> String {
    let request = request.to_string();
    answer(move || {
        let request: Json = serde_json::from_str(&request).map_err(|e| e.to_string())?;
        statement::translate(&request)
    })
}

fn to_c(text: String) -> *mut std::ffi::c_char {
    let text = std::ffi::CString::new(text.replace('\0', " ")).unwrap_or_default();
    text.into_raw()
}

unsafe fn from_c<'a>(text: *const u8, size: usize) -> Option<&'a str> {
    std::str::from_utf8(std::slice::from_raw_parts(text, size)).ok()
}

/// # Safety
/// `sql` points to `size` bytes. The answer is given back to `firth_dialect_free`.
#[no_mangle]
pub unsafe extern "C" fn firth_dialect_tables(sql: *const u8, size: usize) -> *mut std::ffi::c_char {
    to_c(match from_c(sql, size) {
        Some(sql) => tables(sql),
        None => json!({ "error": "the statement is not UTF-8" }).to_string(),
    })
}

/// # Safety
/// As of `firth_dialect_tables`.
#[no_mangle]
pub unsafe extern "C" fn firth_dialect_translate(request: *const u8, size: usize) -> *mut std::ffi::c_char {
    to_c(match from_c(request, size) {
        Some(request) => translate(request),
        None => json!({ "error": "the statement is not UTF-8" }).to_string(),
    })
}

/// # Safety
/// `text` came from one of the functions above, and is not used again.
#[no_mangle]
pub unsafe extern "C" fn firth_dialect_free(text: *mut std::ffi::c_char) {
    if !text.is_null() {
        drop(std::ffi::CString::from_raw(text));
    }
}
