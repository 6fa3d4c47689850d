"""The few pages somebody sees who is not signed in: no script, nothing from elsewhere."""

from jinja2 import Environment
from starlette.responses import HTMLResponse

_PAGE = Environment(autoescape=True).from_string(
    """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }} · Greenlight</title>
<style>
:root { color-scheme: light dark; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center;
  font: 16px/1.55 "Source Sans", Helvetica, Arial, sans-serif;
  background: light-dark(#f3f6f2, #0d1411); color: light-dark(#16211c, #e4ebe6); }
main { box-sizing: border-box; width: min(30rem, calc(100vw - 2rem)); padding: 2rem;
  border: 1px solid light-dark(#dbe2db, #2b3731); border-radius: 12px;
  background: light-dark(#ffffff, #17201b); overflow-wrap: anywhere; }
.mark { display: flex; align-items: center; gap: .6rem; font-weight: 700;
  color: light-dark(#0b6b4f, #63d0a6); }
h1 { margin: 1.4rem 0 .5rem; font-size: 1.35rem; line-height: 1.3; }
p { margin: 0 0 1.4rem; white-space: pre-line; unicode-bidi: isolate; }
a.go { display: inline-block; padding: .55rem 1.1rem; border-radius: 8px; font-weight: 600;
  text-decoration: none; background: #0b6b4f; color: #ffffff; }
a.go:focus-visible { outline: 3px solid light-dark(#16211c, #e4ebe6); outline-offset: 2px; }
</style>
</head>
<body><main>
<div class="mark" aria-hidden="true"><svg width="32" height="32" viewBox="0 0 32 32">
<rect width="32" height="32" rx="8" fill="#17825f"/><path d="M9 16.5l5 5 9-11" fill="none"
stroke="#fff" stroke-width="3.4" stroke-linecap="round" stroke-linejoin="round"/></svg>
Greenlight</div>
<h1>{{ title }}</h1>
<p>{{ text }}</p>
<a class="go" href="/auth/login">{{ button }}</a>
</main></body>
</html>
"""
)


def screen(title: str, text: str, *, button: str, status: int) -> HTMLResponse:
    """Return a page that says one thing and offers one way on."""
    return HTMLResponse(
        _PAGE.render(title=title, text=text, button=button),
        status_code=status,
        headers={"cache-control": "no-store"},
    )
