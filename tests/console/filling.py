"""A page's form as a browser without scripts would send it back."""

from html.parser import HTMLParser

from werkzeug.datastructures import MultiDict

TICKED = ("checkbox", "radio")


class _Reader(HTMLParser):
    """Collects the fields of the forms whose address ends with `action`."""

    def __init__(self, action: str) -> None:
        super().__init__()
        self.action, self.inside = action, False
        self.fields: MultiDict[str, str] = MultiDict()
        self.select, self.area = "", ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        about = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.inside = about.get("action", "").endswith(self.action)
        if not self.inside or ("name" not in about and tag != "option"):
            return
        if tag == "input" and (about.get("type") not in TICKED or "checked" in about):
            self.fields.add(about["name"], about.get("value", ""))
        elif tag == "textarea":
            self.area = about["name"]
            self.fields.add(self.area, "")
        elif tag == "select":
            self.select = about["name"]
        elif tag == "option" and ("selected" in about or self.select not in self.fields):
            self.fields[self.select] = about["value"]

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.inside = False
        if tag == "textarea":
            self.area = ""

    def handle_data(self, data: str) -> None:
        if self.area:
            self.fields[self.area] += data


def filled_in(page: str, action: str) -> MultiDict[str, str]:
    """The fields of the form that is sent to `action`, untouched; buttons are not pressed."""
    reader = _Reader(action)
    reader.feed(page)
    assert reader.fields, f"no form is sent to {action}"
    return reader.fields
