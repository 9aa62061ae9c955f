"""The manual: pages and terms in Markdown, and what finds them by any spelling."""
