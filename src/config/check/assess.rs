//! How prompts are judged.

use std::fs;
use std::sync::Arc;

use super::Checker;
use crate::assess::difficulty::{self, Model};
use crate::assess::{Assessor, Dial, Settings, TagSettings};
use crate::config::located::Located;
use crate::config::problem::{likely, quoted};
use crate::config::raw::{RawAssess, RawTag, TagText};
use crate::domain::{AnyTag, Risk, Tag};

/// What a weight may be.
const WEIGHTS: std::ops::RangeInclusive<f64> = 0.1..=3.0;

impl Checker<'_, '_> {
    pub(super) fn assess(&mut self, raw: &RawAssess) -> Arc<Assessor> {
        let dial = raw.dial.as_ref().and_then(|written| {
            let dial = Dial::at(**written);
            if dial.is_none() {
                let message = format!("`assess.dial` cannot be `{}`", written.value());
                self.findings.error(written.span(), message).hint("from 0, careful, to 1, thrifty");
            }
            dial
        });
        let tags: Vec<TagSettings> = raw.tags.iter().filter_map(|(name, tag)| self.tag_settings(name, tag)).collect();
        let difficulty = self.difficulty_model(raw.difficulty.as_ref()).unwrap_or_else(difficulty::shipped);
        Arc::new(Assessor::new(Settings { dial: dial.unwrap_or_default(), difficulty, tags }))
    }

    fn difficulty_model(&mut self, written: Option<&Located<String>>) -> Option<Arc<Model>> {
        let written = written?;
        let path = self.surroundings.path(written);
        let read = fs::read(&path).map_err(|error| error.to_string()).and_then(|bytes| Model::from_bytes(&bytes));
        match read {
            Ok(model) => Some(Arc::new(model)),
            Err(reason) => {
                let message = format!("`assess.difficulty` names {}, which cannot be used: {reason}", path.display());
                self.findings.error(written.span(), message).hint("make one with `weighbridge train --out FILE`");
                None
            }
        }
    }

    fn tag_settings(&mut self, name: &Located<String>, raw: &Located<RawTag>) -> Option<TagSettings> {
        let tag = match AnyTag::parse(name) {
            Ok(tag) => tag,
            Err(error) => {
                self.findings.error(name.span(), format!("`{}` is no name for a tag: {error}", name.value()));
                return None;
            }
        };
        let subject = format!("`assess.tags.{tag}`");
        let phrases = self.required(raw.phrases.as_ref(), &raw.span(), "phrases", &subject)?;
        if phrases.is_empty() && !self.taken_out.touched(&phrases.span()) {
            self.findings.error(phrases.span(), format!("{subject} has no phrases, so it is never found"));
        }
        let weight = self.weight(raw, &subject);
        let least_risk = raw.risk.or(matches!(tag, AnyTag::Own(_)).then_some(Risk::Medium));
        match TagSettings::new(tag, weight, least_risk, phrases) {
            Ok(settings) => Some(settings),
            Err(errors) => {
                for error in errors {
                    let message = format!("{subject} cannot have the phrase {error}");
                    self.findings
                        .error(phrases.span(), message)
                        .hint("words of 2 to 200 characters, `*` at the end only");
                }
                None
            }
        }
    }

    fn weight(&mut self, raw: &RawTag, subject: &str) -> f32 {
        let Some(written) = &raw.weight else { return TagSettings::WEIGHT };
        if !WEIGHTS.contains(written.value()) {
            let message = format!("`weight` of {subject} cannot be `{}`", written.value());
            self.findings.error(written.span(), message).hint("from 0.1 to 3; 1 is enough for the tag by itself");
        }
        **written as f32
    }

    /// The tag that is written: one that is built in, or one that the file declares.
    pub(super) fn tag(&mut self, written: &TagText, span: std::ops::Range<usize>) -> Option<AnyTag> {
        let tag = AnyTag::parse(&written.0).ok();
        let declared = match &tag {
            Some(AnyTag::Known(_)) => true,
            Some(AnyTag::Own(name)) => self.own_tags.iter().any(|own| own == name.as_str()),
            None => false,
        };
        if declared {
            return tag;
        }
        let known: Vec<&str> =
            Tag::ALL.iter().map(|tag| tag.as_str()).chain(self.own_tags.iter().map(String::as_str)).collect();
        let hint = match likely(&written.0, known.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => {
                format!("one of {}, or declare it under [assess.tags.{}]", quoted(known.iter().copied()), written.0)
            }
        };
        self.findings.error(span, format!("`tags` cannot be `{}`", written.0)).hint(hint);
        None
    }
}
