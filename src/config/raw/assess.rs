//! How prompts are judged: the dial, and a company's own words for risks.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use super::Named;
use crate::config::located::Located;
use crate::domain::{Risk, Tag};

/// How prompts are judged.
#[derive(Deserialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct RawAssess {
    /// From 0, careful: nothing dangerous is called low, whatever that costs; to 1, thrifty: no dear model is asked in
    /// vain. `weighbridge assess --eval FILE` tells what each position does to your own prompts. Default 0.5.
    #[schemars(range(min = 0, max = 1))]
    pub dial: Option<Located<f64>>,
    /// The file of a model of difficulty that `weighbridge train` made, from the folder of this file on [default: the one
    /// that is built in].
    pub difficulty: Option<Located<String>>,
    /// Words of your own that speak for a tag: one that is built in, or, under a new name, one of your own.
    pub tags: Named<RawTag>,
}

/// What is said of a tag.
#[derive(Deserialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct RawTag {
    /// Words as they stand in prompts: paths, names of services, tools. Whole words, small and capital letters alike; a
    /// `*` at the end lets the last word go on.
    pub phrases: Option<Located<Vec<String>>>,
    /// How much of what a tag needs one of them is, from 0.1 to 3. Default 1: one is enough, unless the wish is only for a
    /// typo or a comment.
    #[schemars(range(min = 0.1, max = 3))]
    pub weight: Option<Located<f64>>,
    /// The level that work with this tag has at least. Default: `medium` for a tag of your own.
    pub risk: Option<Risk>,
}

/// A risk tag: one that is built in, or one of the company's own.
#[derive(Deserialize, Clone, PartialEq, Eq, Debug)]
#[serde(transparent)]
pub struct TagText(pub String);

impl JsonSchema for TagText {
    fn schema_name() -> Cow<'static, str> {
        "TagText".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let known: Vec<&str> = Tag::ALL.iter().map(|tag| tag.as_str()).collect();
        json_schema!({
            "description": "A risk tag: one that is built in, or one under `assess.tags`.",
            "anyOf": [{ "type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$" }, { "enum": known }],
        })
    }
}
