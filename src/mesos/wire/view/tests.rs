use super::*;
use crate::wire::resource::{
    AllocationInfo, Attribute, DiskInfo, DiskSource, Persistence, Range, Ranges, ReservationInfo, Resource,
    RevocableInfo, Scalar, Set, SharedInfo, Text,
};
use prost::Message as _;

fn resource() -> Resource {
    let range = |begin, end| Range { begin, end };
    let reservation = |role: &str| ReservationInfo { role: Some(role.into()), ..ReservationInfo::default() };
    Resource {
        name: Some("größe".into()),
        r#type: Some(ValueType::Scalar as i32),
        scalar: Some(Scalar { value: Some(0.125) }),
        ranges: Some(Ranges { range: vec![range(Some(31_000), Some(u64::MAX)), range(None, Some(7))] }),
        set: Some(Set { item: vec!["a".into()] }),
        role: Some("eng".into()),
        disk: None,
        reservation: Some(Box::new(reservation("old"))),
        allocation_info: Some(AllocationInfo { role: Some("eng/flink".into()) }),
        reservations: vec![reservation("eng"), reservation("eng/flink")],
        ..Resource::default()
    }
}

fn attribute() -> Attribute {
    Attribute {
        name: Some("rack".into()),
        r#type: Some(ValueType::Set as i32),
        scalar: Some(Scalar { value: Some(-0.5) }),
        ranges: Some(Ranges { range: vec![Range { begin: Some(1), end: Some(300) }] }),
        text: Some(Text { value: Some("r1".into()) }),
        set: Some(Set { item: vec!["ssd".into(), String::new()] }),
    }
}

#[test]
fn a_resource_is_read_as_it_was_written() {
    let encoded = resource().encode_to_vec();
    let view = ResourceView::read(&encoded).expect("a resource");
    assert_eq!((view.name, view.scalar), ("größe", 0.125));
    assert_eq!(view.ranges().collect::<Vec<_>>(), [(31_000, u64::MAX), (0, 7)]);
    assert_eq!((view.role, view.allocated_to, view.reservations), (Some("eng"), Some("eng/flink"), 2));
    assert_eq!((view.is_special_disk, view.is_revocable, view.is_shared), (false, false, false));
    assert_eq!(ResourceView::read(&[]), Some(ResourceView::default()));

    let disk = |disk: DiskInfo| Resource { disk: Some(Box::new(disk)), ..Resource::default() };
    let is_special = |resource: Resource| {
        let encoded = resource.encode_to_vec();
        ResourceView::read(&encoded).expect("a resource").is_special_disk
    };
    assert!(!is_special(disk(DiskInfo::default())));
    assert!(is_special(disk(DiskInfo { source: Some(DiskSource::default()), ..DiskInfo::default() })));
    assert!(is_special(disk(DiskInfo { persistence: Some(Persistence::default()), ..DiskInfo::default() })));

    let others = Resource {
        revocable: Some(RevocableInfo {}),
        shared: Some(SharedInfo {}),
        allocation_info: Some(AllocationInfo { role: None }),
        ..Resource::default()
    };
    let encoded = others.encode_to_vec();
    let view = ResourceView::read(&encoded).expect("a resource");
    assert_eq!((view.is_revocable, view.is_shared, view.allocated_to), (true, true, None));
}

#[test]
fn an_attribute_is_read_as_it_was_written() {
    let encoded = attribute().encode_to_vec();
    let view = AttributeView::read(&encoded).expect("an attribute");
    assert_eq!((view.name, view.kind), ("rack", Some(ValueType::Set)));
    assert_eq!((view.scalar, view.text), (Some(-0.5), Some("r1")));
    assert_eq!(view.ranges().collect::<Vec<_>>(), [(1, 300)]);
    assert_eq!(view.items().collect::<Vec<_>>(), ["ssd", ""]);
    for kind in [99, -1] {
        let encoded = Attribute { r#type: Some(kind), ..attribute() }.encode_to_vec();
        assert_eq!(AttributeView::read(&encoded).map(|view| view.kind), Some(None), "{kind}");
    }
}

/// Whatever is damaged: what can be decoded reads the same.
#[test]
fn damaged_bytes_read_as_they_decode() {
    let (whole, mut decoded) = (resource().encode_to_vec(), 0);
    let cut = (0..whole.len()).map(|end| whole[..end].to_vec());
    let changed = (0..whole.len() * 256).map(|number| {
        let mut bytes = whole.clone();
        bytes[number / 256] = u8::try_from(number % 256).expect("small");
        bytes
    });
    for bytes in cut.chain(changed) {
        let Ok(resource) = Resource::decode(&bytes[..]) else { continue };
        decoded += 1;
        let Some(view) = ResourceView::read(&bytes) else { panic!("{bytes:?}") };
        assert_eq!(view.name, resource.name.as_deref().unwrap_or_default(), "{bytes:?}");
        let scalar = resource.scalar.and_then(|scalar| scalar.value).unwrap_or_default();
        assert_eq!(view.scalar.to_bits(), scalar.to_bits(), "{bytes:?}");
        assert_eq!(view.role, resource.role.as_deref(), "{bytes:?}");
        assert_eq!(view.reservations, resource.reservations.len(), "{bytes:?}");
    }
    assert!(decoded > 5_000, "{decoded}");
}
