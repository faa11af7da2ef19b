-- Draw the tables of an SQLite database and what refers to what, from the database itself:
--
--     sqlite3 -batch var/warehouse.db <scripts/schema_svg.sql >schema.svg
--
-- Tables stand right of those that they refer to; keys are bold. Tables of dagrun's own are left out.
.mode list
.headers off
WITH RECURSIVE
field AS (
  SELECT t.name AS tbl, c.cid, c.name, c.type, c.pk
  FROM pragma_table_list t, pragma_table_info(t.name) c
  WHERE t.schema = 'main' AND t.type = 'table' AND t.name NOT LIKE 'sqlite\_%' ESCAPE '\'
    AND t.name NOT LIKE 'dagrun\_%' ESCAPE '\'),
reference AS ( -- one for each foreign key, drawn from its first column
  SELECT DISTINCT f.tbl, k.id, k."from" AS field, k."table" AS parent
  FROM (SELECT DISTINCT tbl FROM field) f, pragma_foreign_key_list(f.tbl) k WHERE k.seq = 0),
depth (tbl, d) AS ( -- at most 20, so that tables that refer to each other end
  SELECT tbl, 0 FROM field
  UNION SELECT r.tbl, depth.d + 1 FROM depth JOIN reference r ON r.parent = depth.tbl AND r.tbl <> r.parent
   WHERE depth.d < 20),
box AS (
  SELECT tbl, d, rows, 20 + 300 * d AS x,
         20 + coalesce(sum(18 * rows + 46) OVER (PARTITION BY d ORDER BY tbl ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS y
  FROM (SELECT tbl, (SELECT max(d) FROM depth WHERE depth.tbl = field.tbl) AS d, count(*) AS rows FROM field GROUP BY tbl)),
escaped AS (
  SELECT tbl, cid, pk,
         replace(replace(replace(name || ' ', '&', '&amp;'), '<', '&lt;'), '>', '&gt;') AS name,
         replace(replace(replace(lower(type), '&', '&amp;'), '<', '&lt;'), '>', '&gt;') AS type FROM field),
line (part, tbl, n, svg) AS (
  SELECT 0, '', 0, printf('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="12">',
         max(x) + 240, max(y + 18 * rows + 46)) || char(10) || '<title>Tables and their references</title>' FROM box
  UNION ALL
  SELECT 1, r.tbl, r.id, printf('<path class="reference" d="M%d %d C%d %d %d %d %d %d" fill="none" stroke="#7a869a"/>',
         c.x, c.y + 37 + 18 * f.cid, c.x - 40, c.y + 37 + 18 * f.cid, p.x + 260, p.y + 13, p.x + 220, p.y + 13)
  FROM reference r JOIN box c ON c.tbl = r.tbl JOIN box p ON p.tbl = r.parent
  JOIN field f ON f.tbl = r.tbl AND f.name = r.field
  UNION ALL
  SELECT 2, tbl, -1, printf('<rect class="table" x="%d" y="%d" width="220" height="%d" rx="4" fill="#fff" stroke="#344563"/>'
         || '<rect x="%d" y="%d" width="220" height="26" rx="4" fill="#344563"/>'
         || '<text x="%d" y="%d" fill="#fff" font-weight="bold">%s</text>', x, y, 18 * rows + 30, x, y, x + 10, y + 17,
         replace(replace(replace(tbl, '&', '&amp;'), '<', '&lt;'), '>', '&gt;')) FROM box
  UNION ALL
  SELECT 2, e.tbl, e.cid, printf('<text x="%d" y="%d"%s>%s<tspan fill="#6b778c" font-weight="normal">%s</tspan></text>',
         b.x + 10, b.y + 41 + 18 * e.cid, CASE WHEN e.pk THEN ' font-weight="bold"' ELSE '' END, e.name, e.type)
  FROM escaped e JOIN box b USING (tbl)
  UNION ALL SELECT 3, '', 0, '</svg>')
SELECT svg FROM line ORDER BY part, tbl, n;
