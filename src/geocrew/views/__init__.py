"""Views of users: which queries are allowed, how views are made, how stored ones are refreshed."""
