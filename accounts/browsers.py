"""What people call the browser that a User-Agent header comes from."""

from django.utils.translation import gettext as _

# What a User-Agent header contains, and the name to show. The first match counts: Edge and Opera
# also say Chrome, Chrome also says Safari, Android also says Linux.
BROWSERS = {
    "Edg": "Edge",
    "OPR/": "Opera",
    "SamsungBrowser": "Samsung Internet",
    "Vivaldi": "Vivaldi",
    "Firefox": "Firefox",
    "FxiOS": "Firefox",
    "Chrom": "Chrome",
    "CriOS": "Chrome",
    "Safari": "Safari",
}
SYSTEMS = {
    "Windows": "Windows",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Android": "Android",
    "CrOS": "ChromeOS",
    "Mac OS X": "macOS",
    "Linux": "Linux",
}


def describe_browser(user_agent: str) -> str:
    """Name the browser and system of a User-Agent header, for instance `Firefox on Windows`.

    Reduced to what people recognise; a program of another kind is shown by its first word.
    """
    browser = next((name for part, name in BROWSERS.items() if part in user_agent), "")
    system = next((name for part, name in SYSTEMS.items() if part in user_agent), "")
    if browser and system:
        return _("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    first = user_agent.partition(" ")[0].partition("/")[0][:40]
    return browser or system or first or _("Unknown browser")
