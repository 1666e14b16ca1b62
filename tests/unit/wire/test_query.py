"""The Query protocol's two formats, on shapes that no served model has yet as well."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import orjson
import pytest

from redrive.wire.endpoint import Endpoint
from redrive.wire.messages import Fault, Incoming, Request

MODEL = {
    "metadata": {
        "endpointPrefix": "thing",
        "protocol": "query",
        "xmlNamespace": "http://thing/",
        "serviceId": "Thing",
    },
    "operations": {
        "Do": {
            "name": "Do",
            "http": {"method": "POST", "requestUri": "/"},
            "input": {"shape": "All"},
            "output": {"shape": "All", "resultWrapper": "DoResult"},
        },
        "Rest": {"name": "Rest", "http": {"method": "POST", "requestUri": "/"}},
    },
    "shapes": {
        "All": {
            "type": "structure",
            "members": {
                "Text": {"shape": "Text"},
                "Renamed": {"shape": "Text", "locationName": "other"},
                "Whole": {"shape": "Whole"},
                "Yes": {"shape": "Yes"},
                "Blob": {"shape": "Blob"},
                "When": {"shape": "When"},
                "Real": {"shape": "Real"},
                "List": {"shape": "List"},
                "Named": {"shape": "Named"},
                "Flat": {"shape": "Flat"},
                "FlatNamed": {"shape": "FlatNamed"},
                "Map": {"shape": "Map"},
                "FlatMap": {"shape": "FlatMap"},
                "Self": {"shape": "All"},
                "Selves": {"shape": "Selves"},
            },
        },
        "Text": {"type": "string"},
        "Whole": {"type": "integer"},
        "Yes": {"type": "boolean"},
        "Blob": {"type": "blob"},
        "When": {"type": "timestamp"},
        "Real": {"type": "double"},
        "List": {"type": "list", "member": {"shape": "Text"}},
        "Named": {"type": "list", "member": {"shape": "Text", "locationName": "item"}},
        "Flat": {"type": "list", "flattened": True, "member": {"shape": "Text"}},
        "FlatNamed": {
            "type": "list",
            "flattened": True,
            "member": {"shape": "Text", "locationName": "one"},
        },
        "Map": {"type": "map", "key": {"shape": "Text"}, "value": {"shape": "Whole"}},
        "FlatMap": {
            "type": "map",
            "flattened": True,
            "key": {"shape": "Text", "locationName": "Name"},
            "value": {"shape": "Text", "locationName": "Value"},
        },
        "Selves": {"type": "list", "member": {"shape": "All"}},
    },
}

HEADERS = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture(name="endpoint", scope="module")
def make_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Endpoint:
    file: Path = tmp_path_factory.mktemp("model") / "service-2.json"
    file.write_bytes(orjson.dumps(MODEL))
    return Endpoint((), {"thing": file})


def read(endpoint: Endpoint, fields: str) -> Incoming:
    return endpoint.read(Request("POST", "/", HEADERS, b"Action=Do&" + fields.encode()))


@pytest.mark.parametrize(
    ("fields", "params"),
    [
        ("", {}),
        ("Text=a+b%26&other=x&Renamed=no&Unknown.1.x=y", {"Text": "a b&", "Renamed": "x"}),
        ("Whole=-5&Yes=true&Real=1.5e1", {"Whole": -5, "Yes": True, "Real": 15.0}),
        ("Blob=AP8%3D&When=1970-01-01T00:00:01.5Z", {"Blob": b"\x00\xff", "When": 1500}),
        ("List.member.2=b&List.member.10=c&List.member.1=a", {"List": ["a", "b", "c"]}),
        ("List=", {"List": []}),
        ("Named.item.1=a", {"Named": ["a"]}),
        ("Flat.1=a&Flat.2=b", {"Flat": ["a", "b"]}),
        ("one.1=a", {"FlatNamed": ["a"]}),
        ("Map.entry.1.key=k&Map.entry.1.value=7", {"Map": {"k": 7}}),
        ("FlatMap.1.Name=k&FlatMap.1.Value=v&FlatMap.2.Name=x", {"FlatMap": {"k": "v"}}),
        ("Self.Self.Text=deep", {"Self": {"Self": {"Text": "deep"}}}),
        ("Selves.member.1.Flat.1=a", {"Selves": [{"Flat": ["a"]}]}),
    ],
)
def test_dotted_names_become_params(endpoint: Endpoint, fields: str, params: Any) -> None:
    """Lists, maps and structures, flattened or renamed, are what the shape says they are."""
    assert read(endpoint, fields).params == params


def test_a_get_says_it_in_the_address(endpoint: Endpoint) -> None:
    """Action and members may stand in the query string."""
    incoming = endpoint.read(Request("GET", "/?Action=Do&Whole=7", {}, b""))
    assert incoming.params == {"Whole": 7}


@pytest.mark.parametrize(
    "fields",
    [
        "Whole=x",
        "Whole=99999999999",
        "Whole=" + "9" * 5000,
        "Yes=maybe",
        "Real=nan",
        "Real=1e999",
        "Real=" + "4" * 300_000 + "x",  # to read it must not take hours
        "Blob=%3F",
        "When=yesterday",
        "When=99999-01-01T00:00:00Z",
        "List.member.x=1",
        "Text=%ff",
        "%ff=1",
        "Self." * 70 + "Text=1",
    ],
)
def test_bad_fields_are_refused(endpoint: Endpoint, fields: str) -> None:
    """What cannot be read is AWS's 400, told in XML."""
    with pytest.raises(Fault) as caught:
        read(endpoint, fields)
    response = endpoint.fault(caught.value, caught.value.error, "r<1>")
    assert response.status == 400
    root = ElementTree.fromstring(response.body)
    assert root.tag == "{http://thing/}ErrorResponse"
    assert root.findtext("{http://thing/}RequestId") == "r<1>"


def test_results_become_xml(endpoint: Endpoint) -> None:
    """The same shapes on the way out, wrapped, with the request's id; text survives XML."""
    result = {
        "Text": "<&>\r\n\x01é",
        "Renamed": "x",
        "Whole": 5,
        "Yes": False,
        "Blob": b"\x00\xff",
        "When": 1_500,
        "List": ["a"],
        "Named": ["b"],
        "Flat": ["c", "d"],
        "FlatNamed": ["e"],
        "Map": {"k": 1},
        "FlatMap": {"k": "v"},
        "Self": {"Selves": [{"Text": ""}]},
    }
    response = endpoint.reply(read(endpoint, ""), result, "rid")
    assert dict(response.headers)["Content-Type"] == "text/xml"
    assert response.body.decode() == (
        '<DoResponse xmlns="http://thing/"><DoResult><Text>&lt;&amp;&gt;&#xD;\n\ufffdé</Text>'
        "<other>x</other><Whole>5</Whole><Yes>false</Yes><Blob>AP8=</Blob>"
        "<When>1970-01-01T00:00:01.500Z</When><List><member>a</member></List>"
        "<Named><item>b</item></Named><Flat>c</Flat><Flat>d</Flat><one>e</one>"
        "<Map><entry><key>k</key><value>1</value></entry></Map>"
        "<FlatMap><Name>k</Name><Value>v</Value></FlatMap>"
        "<Self><Selves><member><Text></Text></member></Selves></Self></DoResult>"
        "<ResponseMetadata><RequestId>rid</RequestId></ResponseMetadata></DoResponse>"
    )


def test_fragments_are_decoded_for_xml(endpoint: Endpoint) -> None:
    """A ready piece of JSON is taken apart; its blobs are base64 text already."""
    piece = orjson.Fragment(b'{"Text":"t","Blob":"AP8=","List":["a"]}')
    body = endpoint.reply(read(endpoint, ""), {"Selves": [piece]}, "rid").body
    assert b"<Text>t</Text><Blob>AP8=</Blob><List><member>a</member></List>" in body


def test_an_operation_without_output_has_no_result(endpoint: Endpoint) -> None:
    """Only the metadata stands in the answer of an operation that returns nothing."""
    incoming = endpoint.read(Request("POST", "/", HEADERS, b"Action=Rest"))
    assert endpoint.reply(incoming, {}, "rid").body == (
        b'<RestResponse xmlns="http://thing/"><ResponseMetadata><RequestId>rid</RequestId>'
        b"</ResponseMetadata></RestResponse>"
    )
