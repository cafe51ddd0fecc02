//! A price catalogue in a file of its own.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::domain::{Catalogue, CatalogueError};

/// How large a catalogue may be; the one that is built in has less than a megabyte.
pub const MOST_BYTES: u64 = 32 << 20;

/// Why a file is no catalogue that can be used.
#[derive(Debug, thiserror::Error)]
pub enum UnusableCatalogue {
    /// There is none.
    #[error("there is no such file")]
    Missing,
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Read(#[from] io::Error),
    /// It is larger than any catalogue.
    #[error("it is larger than {} MiB", MOST_BYTES >> 20)]
    TooLarge,
    /// It is something else.
    #[error(transparent)]
    Content(#[from] CatalogueError),
    /// A price in it cannot be right.
    #[error("{place} lists {usd} USD for a million units of `{key}`: no model costs that")]
    Magnitude {
        /// The provider and the model.
        place: String,
        /// The price.
        usd: String,
        /// What it is for.
        key: &'static str,
    },
    /// It knows next to nothing.
    #[error("it has {found} providers, and the one that is built in has {known}: it is not whole")]
    Fewer {
        /// How many it has.
        found: usize,
        /// How many the one that is built in has.
        known: usize,
    },
}

/// The catalogue in a file.
///
/// # Errors
/// If there is none, or its prices cannot be right.
pub fn catalogue_of(path: &Path) -> Result<Catalogue, UnusableCatalogue> {
    let mut json = Vec::new();
    let file = File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => UnusableCatalogue::Missing,
        _ => UnusableCatalogue::Read(error),
    })?;
    file.take(MOST_BYTES + 1).read_to_end(&mut json)?;
    catalogue_from(&json)
}

/// The catalogue in these bytes. Its version is their digest, for the data names none.
///
/// # Errors
/// If they are none, or its prices cannot be right.
pub fn catalogue_from(json: &[u8]) -> Result<Catalogue, UnusableCatalogue> {
    if json.len() as u64 > MOST_BYTES {
        return Err(UnusableCatalogue::TooLarge);
    }
    let digest: String = Sha256::digest(json).iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    let catalogue = Catalogue::parse(json, &format!("genai-prices sha256:{digest}"))?;
    for (provider, model, listing) in catalogue.listings() {
        // Searches are priced for a thousand, and cost a few cents each.
        let most = |per: u32| if per == 1_000_000 { 10_000.0 } else { 10_000_000.0 };
        if let Some(listed) = listing.all().find(|listed| listed.price.usd_per_million() > most(listed.per)) {
            let (place, usd) = (format!("{provider}/{model}"), listed.price.to_string());
            return Err(UnusableCatalogue::Magnitude { place, usd, key: listed.key });
        }
    }
    // Providers come and go; half of them do not go at once.
    let (found, known) = (catalogue.provider_ids().len(), Catalogue::bundled().provider_ids().len());
    if found < known / 2 {
        return Err(UnusableCatalogue::Fewer { found, known });
    }
    Ok(catalogue)
}
