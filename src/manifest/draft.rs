//! A manifest that was read, and whether it is accepted.

use std::collections::BTreeSet;
use std::fmt;

use base::digest::Digest;

use super::fields::{MAX_TOLD, Reading};
use super::finding::{Finding, Lines};
use super::specification::{Manifest, Specification};
use super::validate;
use super::version::FlinkVersion;

/// One document of what was handed in, with what is wrong in it.
#[derive(Debug)]
pub struct Draft {
    pub(super) manifest: Option<Manifest>,
    reading: Reading,
}

/// On what it depends whether a specification is accepted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Circumstances<'a> {
    /// The dispatcher gives its clusters high availability.
    pub has_zookeeper: bool,
    /// With which a jar's URI may begin; with those that an AppMaster fetches itself, where it is not known.
    pub schemes: Option<&'a [&'a str]>,
    /// Jars may come from servers that are not public.
    pub allows_private_addresses: bool,
    /// The versions of Flink that clusters without an image can have; any, where it is not known.
    pub flinks: Option<&'a [FlinkVersion]>,
    /// Artifacts that are there; any, where it is not known.
    pub artifacts: Option<&'a BTreeSet<Digest>>,
    /// What the cluster of this name is now.
    pub previous: Option<&'a Specification>,
}

/// A manifest of which a cluster can be made.
#[derive(Clone, Debug, PartialEq)]
pub struct Accepted {
    pub manifest: Manifest,
    /// What is ignored or odd.
    pub warnings: Vec<Finding>,
}

/// All that is wrong in a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Where it could be read.
    pub name: Option<String>,
    /// At least one.
    pub findings: Vec<Finding>,
    pub warnings: Vec<Finding>,
}

impl Draft {
    pub(super) fn new(manifest: Option<Manifest>, reading: Reading) -> Self {
        Self { manifest, reading }
    }

    /// A specification that is kept already, for a look at it under other circumstances.
    pub fn of(manifest: Manifest) -> Self {
        Self::new(Some(manifest), Reading::default())
    }

    /// By which the previous specification is found.
    pub fn name(&self) -> Option<&str> {
        self.manifest.as_ref().map(|manifest| manifest.metadata.name.as_str()).filter(|name| !name.is_empty())
    }

    /// To which it refers.
    pub fn artifacts(&self) -> impl Iterator<Item = Digest> {
        self.manifest.iter().flat_map(|manifest| manifest.spec.artifacts())
    }

    /// It could not be kept, whatever is in it.
    pub fn is_too_large(&self) -> bool {
        self.manifest.as_ref().is_some_and(|manifest| manifest.canonical().is_err())
    }

    /// All findings at once, in the order of their lines, or the manifest.
    pub fn validate(self, circumstances: &Circumstances<'_>) -> Result<Accepted, Refused> {
        let name = self.name().map(str::to_owned);
        let Self { manifest, reading } = self;
        let Reading { mut findings, mut warnings, lines } = reading;
        if let Some(manifest) = &manifest {
            let found = validate::validate(manifest, &lines, circumstances);
            // What could not be read was told, and something else stands in for it.
            let is_new = |finding: &Finding| findings.iter().all(|told| told.field != finding.field);
            let new: Vec<_> = found.findings.into_iter().filter(is_new).collect();
            findings.extend(new);
            warnings.extend(found.warnings);
        }
        sort(&mut findings, &lines);
        sort(&mut warnings, &lines);
        match manifest {
            Some(manifest) if findings.is_empty() => Ok(Accepted { manifest, warnings }),
            _ => Err(Refused { name, findings, warnings }),
        }
    }
}

fn sort(findings: &mut Vec<Finding>, lines: &Lines) {
    findings.sort_by_key(|finding| finding.line.or_else(|| lines.of(&finding.field)));
    findings.truncate(MAX_TOLD);
}

impl fmt::Display for Refused {
    /// `name: finding; finding`
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let findings: Vec<_> = self.findings.iter().map(ToString::to_string).collect();
        write!(out, "{}: {}", self.name.as_deref().unwrap_or("manifest"), findings.join("; "))
    }
}

impl std::error::Error for Refused {}
