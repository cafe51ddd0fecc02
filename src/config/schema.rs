//! The JSON Schema of `routes.toml`: what editors complete and explain from, and what `shape` holds a file against.

use std::sync::LazyLock;

use schemars::Schema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::raw::RawFile;

/// The JSON Schema of the file, of draft 7, which editors for TOML know best.
pub fn schema() -> &'static Schema {
    static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
        let mut schema = SchemaSettings::draft07().into_generator().into_root_schema_for::<RawFile>();
        schema.as_object_mut().into_iter().flat_map(|root| root.values_mut()).for_each(without_null);
        schema
    });
    &SCHEMA
}

/// A key that may be left out may be `null` in JSON. TOML has no such value, so editors should not offer it.
fn without_null(schema: &mut Value) {
    if let Value::Object(object) = schema {
        if object.get("default").is_some_and(Value::is_null) {
            object.remove("default");
        }
        if let Some(Value::Array(types)) = object.get_mut("type") {
            types.retain(|name| name != "null");
            if let [only] = types.as_mut_slice() {
                let only = only.take();
                object.insert("type".to_owned(), only);
            }
        }
        if let Some(Value::Array(alternatives)) = object.get_mut("anyOf") {
            alternatives.retain(|alternative| alternative["type"] != "null");
            if alternatives.len() == 1 {
                // Draft 7 ignores what stands beside a `$ref`, so that the description needs `allOf`.
                let only = object.remove("anyOf").unwrap_or_default();
                object.insert("allOf".to_owned(), only);
            }
        }
    }
    match schema {
        Value::Object(object) => object.values_mut().for_each(without_null),
        Value::Array(items) => items.iter_mut().for_each(without_null),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_described() {
        fn bare(schema: &Value, path: &str, into: &mut Vec<String>) {
            for (key, property) in schema["properties"].as_object().into_iter().flatten() {
                if property["description"].as_str().unwrap_or_default().is_empty() {
                    into.push(format!("{path}.{key}"));
                }
            }
        }
        let root = schema().as_value();
        let mut missing = Vec::new();
        bare(root, "", &mut missing);
        for (name, definition) in root["definitions"].as_object().expect("definitions") {
            bare(definition, name, &mut missing);
        }
        assert_eq!(missing, Vec::<String>::new());
    }

    #[test]
    fn no_key_may_be_null() {
        assert!(!schema().as_value().to_string().contains("null"));
    }
}
