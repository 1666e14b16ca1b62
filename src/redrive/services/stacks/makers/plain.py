"""Types whose properties are the members of one operation that makes them, and of one that changes
them: written down as data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from redrive.core.effects import Result
from redrive.services.stacks.makers.maker import Properties, Target, removed_tags
from redrive.services.stacks.model import Json, Request

Params = dict[str, Json]


def unchanged(properties: Properties) -> Params:
    """Return properties as members of the same names."""
    return dict(properties)


@dataclass(frozen=True, slots=True)
class Tagging:
    """How a service changes tags. arn: the member that names the resource; keys: that of the keys.

    form: of the tags, a list of Key and Value or an object.
    """

    arn: str = "ResourceARN"
    tag: str = "TagResource"
    untag: str = "UntagResource"
    tags: str = "Tags"
    keys: str = "TagKeys"
    is_object: bool = False


@dataclass(frozen=True, slots=True)
class PlainMaker:
    """One type.

    service, create_operation, …: update may be the same as create (a Put). name: the member that
    names it in requests; where is_list_named, deletion takes a list of names. arn: with {region},
    {account}, {name} and {place}, that of `place`, which is a property with its default, or a
    default alone. params: from properties to members. only_new: properties that update does not
    take. defaults: what a member goes back to that a template no longer gives. exists: errors of a
    create that met one left by a crash; then `find` is asked. attributes: by name, members of the
    reply to create or find; is_shown_later: the reply to create has not got all of them, so that
    find is asked as well.
    """

    service: str
    create_operation: str
    update_operation: str
    delete_operation: str
    name: str
    arn: str
    params: Callable[[Properties], Params] = unchanged
    only_new: tuple[str, ...] = ()
    find: str = ""
    exists: tuple[str, ...] = ()
    gone: tuple[str, ...] = ("ResourceNotFoundException",)
    defaults: Mapping[str, Json] = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)
    place: tuple[str, str] = ("", "")
    tagging: Tagging | None = None
    is_list_named: bool = False
    is_shown_later: bool = False

    def create(self, target: Target, properties: Properties) -> tuple[Request, ...]:
        """Return the operation that makes it; of one left by a crash, what it is."""
        given = {name: value for name, value in properties.items() if name != "Tags"}
        params = {**self.params(given), self._member: target.physical_id}
        if properties.get("Tags"):
            params["Tags"] = properties["Tags"]
        made = Request(self.service, self.create_operation, params)
        if not self.find:
            return (made,)
        found = Request(self.service, self.find, self._key(target, properties))
        if target.unsure:
            made = Request(
                self.service, self.create_operation, params, exists=self.exists, instead=(found,)
            )
        return (made, found) if self.is_shown_later else (made,)

    def update(
        self, target: Target, old: Properties, new: Properties, changes: Sequence[str]
    ) -> tuple[Request, ...]:
        """Return the operation that changes it, with all of its properties, and its tags."""
        requests: list[Request] = []
        if set(changes) - {"Tags"}:
            kept = new.keys() - {"Tags", *self.only_new}
            given = {name: value for name, value in new.items() if name in kept}
            gone = {
                name: self.defaults[name] for name in changes if name in self.defaults.keys() - new
            }
            params = {**self.params({**given, **gone}), self._member: target.physical_id}
            requests.append(Request(self.service, self.update_operation, params))
        if "Tags" in changes and self.tagging is not None:
            requests += self._tag_requests(self.tagging, target, old, new)
        return tuple(requests)

    def _tag_requests(
        self, tagging: Tagging, target: Target, old: Properties, new: Properties
    ) -> list[Request]:
        where = {tagging.arn: self._arn(target, new)}
        requests = []
        if tagging.is_object:
            removed = sorted((old.get("Tags") or {}).keys() - (new.get("Tags") or {}).keys())
        else:
            removed = removed_tags(old, new)
        if removed:
            requests.append(Request(self.service, tagging.untag, {**where, tagging.keys: removed}))
        if new.get("Tags"):
            tags = {tagging.tags: new["Tags"]}
            requests.append(Request(self.service, tagging.tag, {**where, **tags}))
        return requests

    def delete(self, target: Target, properties: Properties) -> tuple[Request, ...]:
        """Return the operation that removes it."""
        key = self._key(target, properties)
        if self.is_list_named:
            key = {self.name: [target.physical_id]}
        return (Request(self.service, self.delete_operation, key, gone=self.gone),)

    def outcome(
        self, target: Target, properties: Properties, replies: Sequence[Result]
    ) -> tuple[str, dict[str, str]]:
        """Return the name; the attributes are the ARN and what the replies have."""
        name = target.physical_id
        told = {
            attribute: next((str(reply[member]) for reply in replies if member in reply), "")
            for attribute, member in self.attributes.items()
        }
        return name, {"Ref": name, "Arn": self._arn(target, properties), **told}

    @property
    def _member(self) -> str:
        return self.name.removesuffix("s") if self.is_list_named else self.name

    def _arn(self, target: Target, properties: Properties) -> str:
        world, (member, default) = target.world, self.place
        return self.arn.format(
            region=world.region,
            account=world.account,
            name=target.physical_id,
            place=properties.get(member) or default,
        )

    def _key(self, target: Target, properties: Properties) -> Params:
        member = self.place[0]
        place = {member: properties[member]} if properties.get(member) else {}
        return {self._member: target.physical_id, **place}
