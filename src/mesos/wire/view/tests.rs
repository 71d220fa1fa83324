use super::*;
use crate::wire::address::Url;
use crate::wire::cluster::{DomainInfo, FaultDomain, RegionInfo, ZoneInfo};
use crate::wire::encoded;
use crate::wire::id::{AgentId, ExecutorId, FrameworkId, OfferId};
use crate::wire::offer::Offer;
use crate::wire::resource::{
    AllocationInfo, Attribute, DiskInfo, DiskSource, Persistence, Range, Ranges, ReservationInfo, Resource,
    RevocableInfo, Scalar, Set, SharedInfo, Text,
};
use crate::wire::time::TimeInfo;

fn offer() -> Offer {
    let region = Some(RegionInfo { name: Some("eu".into()) });
    let zone = Some(ZoneInfo { name: Some("a".into()) });
    Offer {
        id: Some(OfferId::new("o")),
        framework_id: Some(FrameworkId::new("f")),
        agent_id: Some(AgentId::new("s")),
        hostname: Some("größe".into()),
        resources: encoded(&[resource(), Resource::default()]),
        executor_ids: vec![ExecutorId::new("e")],
        attributes: encoded(&[attribute()]),
        url: Some(Url { scheme: Some("http".into()), ..Url::default() }),
        unavailability: Some(Unavailability {
            start: Some(TimeInfo { nanoseconds: Some(7) }),
            duration: None,
        }),
        allocation_info: Some(AllocationInfo { role: Some("eng".into()) }),
        domain: Some(DomainInfo { fault_domain: Some(FaultDomain { region, zone }) }),
    }
}

/// What the view has, of the message.
fn check_view(view: &OfferView<'_>, offer: &Offer, what: &[u8]) {
    let fault_domain = offer.domain.as_ref().and_then(|domain| domain.fault_domain.as_ref());
    let region = fault_domain.and_then(|domain| domain.region.as_ref()?.name.as_deref());
    let zone = fault_domain.and_then(|domain| domain.zone.as_ref()?.name.as_deref());
    let role = offer.allocation_info.as_ref().and_then(|info| info.role.as_deref());
    assert_eq!(view.id, offer.id.as_ref().map(OfferId::text).unwrap_or_default(), "{what:?}");
    assert_eq!(view.agent_id, offer.agent_id.as_ref().map(AgentId::text).unwrap_or_default(), "{what:?}");
    assert_eq!(view.hostname, offer.hostname.as_deref().unwrap_or_default(), "{what:?}");
    assert!(view.resources.iter().eq(offer.resources.iter().map(|resource| &resource[..])), "{what:?}");
    assert!(view.attributes.iter().eq(offer.attributes.iter().map(|attribute| &attribute[..])), "{what:?}");
    assert_eq!(view.unavailability, offer.unavailability, "{what:?}");
    assert_eq!((view.role, view.region, view.zone), (role.unwrap_or_default(), region, zone), "{what:?}");
}

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
    assert_eq!((view.name, view.scalar), ("größe".as_bytes(), 0.125));
    assert_eq!(view.ranges().collect::<Vec<_>>(), [(31_000, u64::MAX), (0, 7)]);
    assert_eq!(
        (view.role, view.allocated_to, view.reservations),
        (Some("eng"), Some("eng/flink".as_bytes()), 2)
    );
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

#[test]
fn an_offer_is_read_as_it_was_written() {
    let encoded = offer().encode_to_vec();
    let view = OfferView::read(&encoded).expect("an offer");
    check_view(&view, &offer(), &encoded);
    let attributes = Attributes::of(view.attributes.encoded());
    assert_eq!((attributes, attributes.iter().count()), (view.attributes, 1));
    assert_eq!(OfferView::read(&[]), Some(OfferView::default()));

    // Two messages after each other are one that has the fields of both, whatever lies between them.
    let twice = [encoded.clone(), encoded].concat();
    let view = OfferView::read(&twice).expect("an offer");
    check_view(&view, &Offer::decode(&twice[..]).expect("an offer"), &twice);
    assert_eq!((view.resources.iter().count(), view.attributes.iter().count()), (4, 2));
}

/// Cut anywhere, or with another byte anywhere.
fn damaged(whole: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let cut = (0..whole.len()).map(|end| whole[..end].to_vec());
    let changed = (0..whole.len() * 256).map(|number| {
        let mut bytes = whole.to_vec();
        bytes[number / 256] = u8::try_from(number % 256).expect("small");
        bytes
    });
    cut.chain(changed)
}

/// Whatever is damaged: what can be decoded reads the same.
#[test]
fn damaged_offers_read_as_they_decode() {
    let mut decoded = 0;
    for bytes in damaged(&offer().encode_to_vec()) {
        let Ok(offer) = Offer::decode(&bytes[..]) else { continue };
        decoded += 1;
        let Some(view) = OfferView::read(&bytes) else { panic!("{bytes:?}") };
        check_view(&view, &offer, &bytes);
    }
    assert!(decoded > 5_000, "{decoded}");
}

#[test]
fn damaged_resources_read_as_they_decode() {
    let mut decoded = 0;
    for bytes in damaged(&resource().encode_to_vec()) {
        let Ok(resource) = Resource::decode(&bytes[..]) else { continue };
        decoded += 1;
        let Some(view) = ResourceView::read(&bytes) else { panic!("{bytes:?}") };
        assert_eq!(view.name, resource.name.as_deref().unwrap_or_default().as_bytes(), "{bytes:?}");
        let scalar = resource.scalar.and_then(|scalar| scalar.value).unwrap_or_default();
        assert_eq!(view.scalar.to_bits(), scalar.to_bits(), "{bytes:?}");
        assert_eq!(view.role, resource.role.as_deref(), "{bytes:?}");
        assert_eq!(view.reservations, resource.reservations.len(), "{bytes:?}");
    }
    assert!(decoded > 5_000, "{decoded}");
}
