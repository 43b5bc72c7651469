"""The pages that people read through Jupyter, and what may run in them."""

from __future__ import annotations

import json

# Swagger's "Try it out" knows nothing of Jupyter's protection against forged requests.
_SCRIPT = """<script>
(() => {
  const plain = window.fetch;
  window.fetch = (resource, options) => {
    const request = new Request(resource, options);
    if (new URL(request.url).origin === window.location.origin) request.headers.set("X-XSRFToken", %s);
    return plain(request);
  };
})();
</script>"""

# The scripts of the pages come from the evaluation server's own package, or stand in the page.
PAGE_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; worker-src 'self' blob:; object-src 'none'; base-uri 'self'"
)
# Media and texts of an evaluation come from data sets and models: whatever is in them, it runs nothing here.
DATA_POLICY = "default-src 'none'; sandbox"


def with_xsrf_token(page: str, token: str) -> str:
    """Let the scripts of a page send Jupyter's token against forged requests.

    Parameters
    ----------
    page
        HTML.
    token
        The token; pages of other origins can read neither the page nor it.
    """
    script = _SCRIPT % json.dumps(token).replace("<", "\\u003c")
    head, found, rest = page.partition("<head>")
    return f"{head}{found}{script}{rest}" if found else script + page
