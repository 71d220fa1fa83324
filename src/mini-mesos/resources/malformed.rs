//! What makes a resource malformed, in the words of the real master.

use std::collections::BTreeSet;

use mesos::wire::resource::{Ranges, ReservationType, Resource, Scalar, Set, ValueType};

use super::amount::{Amount, Milli, Spans};

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Resource '{resource}' is invalid: {detail}")]
pub struct Malformed {
    pub resource: String,
    pub detail: String,
}

/// The amount of a well-formed resource.
pub fn check(resource: &Resource) -> Result<Amount, Malformed> {
    let checked = amount_of(resource).and_then(|amount| check_tags(resource).map(|()| amount));
    checked.map_err(|detail| Malformed { resource: json(resource), detail })
}

fn amount_of(resource: &Resource) -> Result<Amount, String> {
    if resource.name.as_deref().unwrap_or_default().is_empty() {
        return Err("Empty resource name".to_owned());
    }
    let kind = resource.r#type.and_then(|n| ValueType::try_from(n).ok());
    match (kind, &resource.scalar, &resource.ranges, &resource.set) {
        (Some(ValueType::Scalar), Some(scalar), None, None) => scalar_amount(scalar),
        (Some(ValueType::Ranges), None, Some(ranges), None) => ranges_amount(ranges),
        (Some(ValueType::Set), None, None, Some(set)) => set_amount(set),
        (Some(ValueType::Scalar), ..) => Err("Invalid scalar resource".to_owned()),
        (Some(ValueType::Ranges), ..) => Err("Invalid ranges resource".to_owned()),
        (Some(ValueType::Set), ..) => Err("Invalid set resource".to_owned()),
        (Some(ValueType::Text) | None, ..) => Err("Unsupported resource type".to_owned()),
    }
}

fn scalar_amount(scalar: &Scalar) -> Result<Amount, String> {
    let value = scalar.value.unwrap_or_default();
    if value.is_nan() || value <= 0.0 {
        return Err("Invalid scalar resource: value <= 0".to_owned());
    }
    Ok(Amount::Scalar(Milli::from_f64(value)))
}

fn ranges_amount(ranges: &Ranges) -> Result<Amount, String> {
    let mut spans: Vec<_> =
        ranges.range.iter().map(|r| (r.begin.unwrap_or_default(), r.end.unwrap_or_default())).collect();
    if spans.iter().any(|(begin, end)| begin > end) {
        return Err("Invalid ranges resource: begin > end".to_owned());
    }
    spans.sort_unstable();
    if spans.windows(2).any(|pair| pair[1].0 <= pair[0].1) {
        return Err("Invalid ranges resource: overlapping ranges".to_owned());
    }
    Ok(Amount::Spans(Spans::new(spans)))
}

fn set_amount(set: &Set) -> Result<Amount, String> {
    let names: BTreeSet<_> = set.item.iter().cloned().collect();
    if names.len() != set.item.len() {
        return Err("Invalid set resource: duplicated elements".to_owned());
    }
    Ok(Amount::Set(names))
}

fn check_tags(resource: &Resource) -> Result<(), String> {
    let name = resource.name.as_deref().unwrap_or_default();
    if resource.disk.is_some() && name != "disk" {
        return Err(format!("DiskInfo should not be set for {name} resource"));
    }
    let role = resource.role.as_deref().unwrap_or("*");
    if resource.reservations.is_empty() && resource.reservation.is_some() && role == "*" {
        return Err("Invalid reservation: role \"*\" cannot be dynamically reserved".to_owned());
    }
    let kind = |n: Option<i32>| n.and_then(|n| ReservationType::try_from(n).ok());
    for (index, reservation) in resource.reservations.iter().enumerate() {
        match kind(reservation.r#type) {
            Some(ReservationType::Static | ReservationType::Dynamic) => {}
            Some(ReservationType::Unknown) => {
                return Err("Invalid reservation: 'type' field is invalid".to_owned());
            }
            None => return Err("Invalid reservation: 'type' field is missing".to_owned()),
        }
        let Some(role) = &reservation.role else {
            return Err("Invalid reservation: 'role' field is missing".to_owned());
        };
        let above = index.checked_sub(1).and_then(|above| resource.reservations[above].role.as_deref());
        let refines = |above: &str| role.strip_prefix(above).is_some_and(|rest| rest.starts_with('/'));
        if let Some(above) = above.filter(|above| !refines(above)) {
            return Err(format!(
                "Invalid refined reservation: role '{role}' is not a refinement of '{above}'"
            ));
        }
    }
    Ok(())
}

fn json(resource: &Resource) -> String {
    serde_json::to_string(resource).unwrap_or_default()
}
