"""Text messages: gateways over HTTP, each with its own way to sign and to answer."""
