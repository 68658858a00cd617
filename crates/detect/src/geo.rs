//! Where an address is, by a database in MaxMind's format that the user gives.
//!
//! Owns the look-up. The database is the user's: none comes with the program. Must not open the file.

use std::net::IpAddr;

use maxminddb::Reader;
use serde::Deserialize;

/// A database of places.
pub struct Places {
    reader: Reader<Vec<u8>>,
}

impl std::fmt::Debug for Places {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Places")
            .field("kind", &self.reader.metadata().database_type)
            .finish()
    }
}

/// Not a database.
#[derive(Debug, thiserror::Error)]
#[error("is no database in MaxMind's format: {0}")]
pub struct PlacesError(String);

/// Where an address is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Place {
    /// Two letters.
    pub(crate) country: Option<String>,
    /// Degrees.
    pub(crate) latitude: Option<f64>,
    pub(crate) longitude: Option<f64>,
    /// Whose network it is.
    pub(crate) network: Option<String>,
}

#[derive(Deserialize)]
struct Record {
    country: Option<Country>,
    registered_country: Option<Country>,
    location: Option<Location>,
    autonomous_system_organization: Option<String>,
}

#[derive(Deserialize)]
struct Country {
    iso_code: Option<String>,
}

#[derive(Deserialize)]
struct Location {
    latitude: Option<f64>,
    longitude: Option<f64>,
}

impl Places {
    /// Reads a database from its bytes.
    ///
    /// # Errors
    /// Where they are none.
    pub fn read(bytes: Vec<u8>) -> Result<Self, PlacesError> {
        Reader::from_source(bytes)
            .map(|reader| Self { reader })
            .map_err(|error| PlacesError(error.to_string()))
    }

    /// The place of an address; none for what is no address or not in the database.
    pub(crate) fn of(&self, address: &str) -> Option<Place> {
        let address: IpAddr = address.parse().ok()?;
        let found = self.reader.lookup(address).ok()?;
        let record: Record = found.decode().ok()??;
        let code = |country: Option<Country>| country.and_then(|country| country.iso_code);
        Some(Place {
            country: code(record.country).or_else(|| code(record.registered_country)),
            latitude: record
                .location
                .as_ref()
                .and_then(|location| location.latitude),
            longitude: record
                .location
                .as_ref()
                .and_then(|location| location.longitude),
            network: record.autonomous_system_organization,
        })
    }
}

impl Place {
    /// Kilometres to another place, over the globe; none where one of the two is not known so closely.
    pub(crate) fn distance(&self, other: &Self) -> Option<f64> {
        let (a, b) = (self.latitude?.to_radians(), other.latitude?.to_radians());
        let across = (other.longitude? - self.longitude?).to_radians();
        let half = ((b - a) / 2.0).sin().powi(2) + a.cos() * b.cos() * (across / 2.0).sin().powi(2);
        Some(2.0 * 6_371.0 * half.sqrt().min(1.0).asin())
    }

    /// As a person says it.
    pub(crate) fn said(&self) -> String {
        match (&self.country, &self.network) {
            (Some(country), Some(network)) => format!("{country}, {network}"),
            (Some(text), None) | (None, Some(text)) => text.clone(),
            (None, None) => "an unknown place".to_owned(),
        }
    }
}

#[cfg(test)]
pub(crate) mod testing {
    //! A writer of small databases.

    use super::Places;

    fn text(text: &str) -> Vec<u8> {
        [&[0x40 | text.len() as u8], text.as_bytes()].concat()
    }

    fn double(number: f64) -> Vec<u8> {
        [&[0x68][..], &number.to_be_bytes()].concat()
    }

    fn map(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
        let mut bytes = vec![0xe0 | entries.len() as u8];
        for (name, value) in entries {
            bytes.extend(text(name));
            bytes.extend(value);
        }
        bytes
    }

    /// A database of IPv4 networks /8, each with a country and a place.
    pub(crate) fn places(all: &[(u8, &str, f64, f64)]) -> Places {
        let (mut nodes, mut data): (Vec<[u32; 2]>, Vec<u8>) = (vec![[0, 0]], Vec::new());
        let mut leaves = Vec::new();
        for (first, country, latitude, longitude) in all {
            let at = data.len() as u32;
            data.extend(map(&[
                ("country", map(&[("iso_code", text(country))])),
                (
                    "location",
                    map(&[
                        ("latitude", double(*latitude)),
                        ("longitude", double(*longitude)),
                    ]),
                ),
            ]));
            let mut node = 0;
            for bit in (1..8).rev() {
                let side = usize::from(first >> bit & 1);
                if nodes[node][side] == 0 {
                    nodes.push([0, 0]);
                    nodes[node][side] = nodes.len() as u32 - 1;
                }
                node = nodes[node][side] as usize;
            }
            leaves.push((node, usize::from(first & 1), at));
        }
        let count = nodes.len() as u32;
        for node in &mut nodes {
            for side in node {
                if *side == 0 {
                    *side = count;
                }
            }
        }
        for (node, side, at) in leaves {
            nodes[node][side] = count + 16 + at;
        }
        let mut bytes: Vec<u8> = nodes
            .iter()
            .flatten()
            .flat_map(|record| record.to_be_bytes()[1..].to_vec())
            .collect();
        bytes.extend([0; 16]);
        bytes.extend(&data);
        bytes.extend(b"\xab\xcd\xefMaxMind.com");
        let short = |number: u16| [&[0xa2][..], &number.to_be_bytes()].concat();
        bytes.extend(map(&[
            ("binary_format_major_version", short(2)),
            ("binary_format_minor_version", short(0)),
            ("build_epoch", vec![0x04, 0x02, 1, 0, 0, 0]),
            ("database_type", text("Test-City")),
            ("description", map(&[])),
            ("ip_version", short(4)),
            ("languages", vec![0x00, 0x04]),
            ("node_count", [&[0xc4][..], &count.to_be_bytes()].concat()),
            ("record_size", short(24)),
        ]));
        Places::read(bytes).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_and_distances_are_right() {
        let places = testing::places(&[(198, "DE", 52.5, 13.4), (203, "AU", -33.9, 151.2)]);
        let berlin = places.of("198.51.100.7").unwrap();
        assert_eq!(berlin.said(), "DE");
        let sydney = places.of("203.0.113.9").unwrap();
        let distance = berlin.distance(&sydney).unwrap();
        assert!((16_000.0..16_200.0).contains(&distance), "{distance}");
        assert_eq!(places.of("10.0.0.1"), None);
        assert_eq!(places.of("AWS Internal"), None);
        assert!(Places::read(b"PK".to_vec()).is_err());
    }
}
