//! Everything that was recorded decodes, encodes to the same again, and survives any chunking.

use std::path::Path;

use bytes::{Buf as _, Bytes, BytesMut};
use mesos::recordio;
use mesos::wire::call::Call;
use mesos::wire::event::Event;
use mesos::wire::id::{AgentId, OfferId};
use mesos::wire::offer::Offer;
use mesos::wire::resource::{Attribute, Resource};
use mesos::wire::view::{AttributeView, OfferView, ResourceView};
use prost::Message;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::traffic::{Encoding, Http, files, read, records};

/// Sent to see how the master refuses what it cannot read.
const NOT_CALLS: [&str; 2] = ["03-garbage-body.request.http", "04-unsupported-media-type.request.http"];

#[test]
fn calls_encode_to_what_was_recorded() {
    for (encoding, expected) in [(Encoding::Protobuf, 115), (Encoding::Json, 112)] {
        let mut calls = 0;
        for path in files(encoding, ".request.http") {
            let request = Http::parse(&read(&path));
            if request.body.is_empty() || NOT_CALLS.iter().any(|name| path.ends_with(name)) {
                continue;
            }
            check_same::<Call>(encoding, &request.body, &path);
            calls += 1;
        }
        assert_eq!(calls, expected, "calls in {encoding:?}");
    }
}

#[test]
fn events_encode_to_what_was_recorded() {
    for (encoding, expected) in [(Encoding::Protobuf, 136), (Encoding::Json, 131)] {
        let (mut events, mut parts) = (0, 0);
        for path in files(encoding, ".stream.recordio") {
            for record in records([read(&path)]) {
                check_same::<Event>(encoding, &record, &path);
                events += 1;
                if matches!(encoding, Encoding::Protobuf) {
                    parts += check_parts_of_offers(&record, &path);
                }
            }
        }
        assert_eq!(events, expected, "events in {encoding:?}");
        assert!(parts > 100 || matches!(encoding, Encoding::Json), "{parts}");
    }
}

#[test]
fn a_stream_may_be_cut_anywhere() {
    let mut cuts = 0;
    for encoding in Encoding::ALL {
        for path in files(encoding, ".stream.recordio") {
            let stream = read(&path);
            let whole = records([stream.clone()]);
            for cut in 0..stream.len() {
                assert_eq!(
                    records([stream.slice(..cut), stream.slice(cut..)]),
                    whole,
                    "{} cut at {cut}",
                    path.display()
                );
                cuts += 1;
            }
            let bytes = (0..stream.len()).map(|at| stream.slice(at..=at));
            assert_eq!(records(bytes), whole, "{} byte by byte", path.display());
        }
    }
    assert!(cuts > 100_000, "only {cuts} cuts");
}

#[test]
fn records_encode_to_the_recorded_stream() {
    for encoding in Encoding::ALL {
        for path in files(encoding, ".stream.recordio") {
            let stream = read(&path);
            let mut again = BytesMut::new();
            for record in records([stream.clone()]) {
                recordio::encode(&record, &mut again);
            }
            assert_eq!(again, stream, "{}", path.display());
        }
    }
}

#[test]
fn the_answer_to_subscribe_holds_the_recorded_stream() {
    let mut chunked = 0;
    for encoding in Encoding::ALL {
        for path in files(encoding, ".stream.http") {
            let answer = Http::parse(&read(&path));
            let stream = read(&path.with_extension("recordio"));
            if answer.header("Transfer-Encoding") == Some("chunked") {
                assert_eq!(dechunked(answer.body), stream, "{}", path.display());
                chunked += 1;
            } else {
                assert!(stream.is_empty(), "{}", path.display());
            }
        }
    }
    assert_eq!(chunked, 37);
}

/// Decodes `body` and encodes it again. Equal bytes mean that no field was lost, not even one we do not know.
/// JSON has no such form; there every member must come back, whatever the order and spelling of numbers.
fn check_same<M: Message + Default + PartialEq + Serialize + DeserializeOwned>(
    encoding: Encoding,
    body: &Bytes,
    path: &Path,
) {
    match encoding {
        Encoding::Protobuf => {
            let message =
                M::decode(body.clone()).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert_eq!(&message.encode_to_vec()[..], body, "{}", path.display());
        }
        Encoding::Json => {
            let message: M =
                serde_json::from_slice(body).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let recorded: Value = serde_json::from_slice(body).expect("JSON, as it decoded before");
            let again = serde_json::to_value(&message).expect("a message is JSON");
            assert_eq!(with_plain_numbers(again), with_plain_numbers(recorded), "{}", path.display());
        }
    }
}

/// What is kept encoded is the same for whoever decodes it and for whoever reads it in place. Answers how many
/// parts of offers there were.
fn check_parts_of_offers(record: &Bytes, path: &Path) -> usize {
    let parts = Event::decode(record.clone()).expect("decoded before").offers.unwrap_or_default().offers;
    let offers: Vec<_> = parts.iter().map(|part| check_offer(part, path)).collect();
    for part in offers.iter().flat_map(|offer| &offer.resources) {
        check_same::<Resource>(Encoding::Protobuf, part, path);
        let resource = Resource::decode(part.clone()).expect("decoded before");
        let view = ResourceView::read(part).unwrap_or_else(|| panic!("{}: {part:?}", path.display()));
        assert_eq!(Some(view.name), resource.name.as_deref().map(str::as_bytes));
        assert_eq!(view.scalar, resource.scalar.and_then(|scalar| scalar.value).unwrap_or_default());
        let ranges = resource.ranges.unwrap_or_default().range;
        assert!(view.ranges().eq(ranges.iter().map(|range| (range.begin(), range.end()))));
        assert_eq!(view.role, resource.role.as_deref());
        assert_eq!(
            view.allocated_to,
            resource.allocation_info.as_ref().and_then(|info| Some(info.role.as_deref()?.as_bytes()))
        );
        assert_eq!(view.reservations, resource.reservations.len());
    }
    for part in offers.iter().flat_map(|offer| &offer.attributes) {
        check_same::<Attribute>(Encoding::Protobuf, part, path);
        let attribute = Attribute::decode(part.clone()).expect("decoded before");
        let view = AttributeView::read(part).unwrap_or_else(|| panic!("{}: {part:?}", path.display()));
        assert_eq!(Some(view.name), attribute.name.as_deref());
        assert_eq!(view.text, attribute.text.as_ref().and_then(|text| text.value.as_deref()));
    }
    offers.iter().map(|offer| offer.resources.len() + offer.attributes.len()).sum()
}

fn check_offer(part: &Bytes, path: &Path) -> Offer {
    check_same::<Offer>(Encoding::Protobuf, part, path);
    let offer = Offer::decode(part.clone()).expect("decoded before");
    let view = OfferView::read(part).unwrap_or_else(|| panic!("{}: {part:?}", path.display()));
    assert_eq!(Some(view.id), offer.id.as_ref().map(OfferId::text));
    assert_eq!(Some(view.agent_id), offer.agent_id.as_ref().map(AgentId::text));
    assert_eq!(Some(view.hostname), offer.hostname.as_deref());
    assert!(view.resources.iter().eq(offer.resources.iter().map(|resource| &resource[..])));
    assert!(view.attributes.iter().eq(offer.attributes.iter().map(|attribute| &attribute[..])));
    assert_eq!(view.unavailability, offer.unavailability);
    let role = offer.allocation_info.as_ref().and_then(|info| info.role.as_deref());
    assert_eq!(view.role, role.unwrap_or_default());
    let fault_domain = offer.domain.as_ref().and_then(|domain| domain.fault_domain.as_ref());
    assert_eq!(view.region, fault_domain.and_then(|domain| domain.region.as_ref()?.name.as_deref()));
    assert_eq!(view.zone, fault_domain.and_then(|domain| domain.zone.as_ref()?.name.as_deref()));
    offer
}

/// JSON does not tell 4 from 4.0, `serde_json` does; and the client that sent the recorded requests spelled long
/// integers as texts, which the master read as numbers. Every whole number and every text of digits becomes an integer.
fn with_plain_numbers(value: Value) -> Value {
    match value {
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 2_f64.powi(53) => {
                Value::from(float as i64)
            }
            _ => Value::Number(number),
        },
        Value::Array(items) => items.into_iter().map(with_plain_numbers).collect(),
        Value::Object(members) => {
            members.into_iter().map(|(key, member)| (key, with_plain_numbers(member))).collect()
        }
        Value::String(text) => text.parse::<i64>().map_or(Value::String(text), Value::from),
        Value::Null | Value::Bool(_) => value,
    }
}

/// The content of a body sent in chunks; the recorder may have hung up before the last one.
fn dechunked(mut body: Bytes) -> BytesMut {
    let mut content = BytesMut::new();
    while let Some(end) = body.windows(2).position(|window| window == b"\r\n") {
        let size = std::str::from_utf8(&body[..end]).expect("a chunk's size");
        let size = usize::from_str_radix(size, 16).expect("a hexadecimal size");
        body.advance(end + 2);
        content.extend_from_slice(&body.split_to(size));
        assert_eq!(&body.split_to(2)[..], b"\r\n");
    }
    assert!(body.is_empty());
    content
}
