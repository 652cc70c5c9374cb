"""Every page and every mail of the site as screenshots: `bin/contact-sheet`."""
