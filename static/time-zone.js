// The time zone of this browser, for who signs up; their profile shows and changes it.
for (const field of document.querySelectorAll("input[type=hidden][name=time_zone]")) {
  field.value = Intl.DateTimeFormat().resolvedOptions().timeZone || "";
}
