# SPDX-License-Identifier: MIT
# The data dictionary of corelate-database(7) from schema/migrations/*.sql: what stands there as comments.

function text(s) {
	gsub(/\\/, "\\(rs", s)
	sub(/^[.']/, "\\\\\\&&", s)
	return s
}

function flush_view(    i) {
	if (view_columns != "")
		printf ".br\nColumns: %s.\n", view_columns
	view_columns = ""
}

FNR == 1 { loose = "" }

/^CREATE (TABLE|VIEW) / {
	flush_view()
	name = $3
	is_view = $2 == "VIEW"
	if (!title[$2]++)
		print is_view ? ".SH VIEWS" : ".SH TABLES"
	printf ".SS %s\n", name
	in_table = !is_view
	in_view = is_view
	loose = ""
	next
}

# What a column added later is stands above its statement.
/^-- / { if (!in_view) { loose = loose substr($0, 4) "\n"; next } }
/^$/ { loose = "" }
/^ALTER TABLE .* ADD COLUMN / {
	added = added sprintf(".TP\n\\fB%s.%s\\fR %s\n%s", $3, $6, $7, text(loose))
	loose = ""
	next
}

in_table && /^\) STRICT/ { in_table = 0; next }
in_table && /^\t-- / { print text(substr($0, 5)); next }
in_table && /^\t[a-z_0-9]+ [A-Z]+/ {
	comment = ""
	if (at = index($0, "-- "))
		comment = substr($0, at + 3)
	printf ".TP\n\\fB%s\\fR %s\n%s\n", $1, $2 ~ /,$/ ? substr($2, 1, length($2) - 1) : $2, comment == "" ? "The row's number." : text(comment)
	next
}

in_view && /^-- / { print text(substr($0, 4)); next }
in_view && /^FROM / { in_view = 0; next }
in_view && match($0, / AS [a-z_0-9]+,?$/) {
	column = substr($0, RSTART + 4, RLENGTH - 4)
	sub(/,$/, "", column)
	view_columns = view_columns (view_columns == "" ? "" : ", ") column
}

END {
	flush_view()
	if (added != "")
		printf ".SH COLUMNS ADDED LATER\n%s", added
}
