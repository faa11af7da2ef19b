#!/bin/bash
# extract from files: CSV, JSON, JSON lines, XML, and folders with a ledger.
. "$(dirname "$0")/lib.sh"
new_home files
reason() { reason_of x; }
says() { case $(reason) in *"$1"*) ;; *) note "reason lacks '$1': $(reason)" ;; esac; }
extract_dag() { # WITH...: one task x that makes rows.csv
    { echo 'tasks:' && echo '  x:' && echo '    plugin: extract' && echo '    outputs: {table: rows.csv}' && cat; } | dag x
}
rows() { cat "$(ls -td var/runs/x/*/x/out/rows.csv | head -n 1)"; }
run_x() { # EXIT-CODE
    expect_exit "$1" dagrun run x
}

# ---- XML ----

xml_dag() { # COLUMNS
    extract_dag <<END
    inputs: {file: data/x.xml}
    with:
      source: xml
      xml: {row: /list/group/item, columns: {$1}}
END
}
it "rows of an XML file: elements, attributes, values of the parents, CDATA, entities of XML itself"
cat >data/x.xml <<'END'
<?xml version="1.0"?>
<list xmlns:v="urn:v"><group id="g1"><name>Fish &amp; chips</name>
  <item v:n="1"><v:label>one</v:label><at><city>Ulm</city></at></item>
  <item n="2"><label><![CDATA[<b>two</b>, "2"]]></label><at/></item></group>
<group id="g2"><item n="3"><label>  drei </label><at><city>K&#246;ln</city></at></item><note>after</note></group>
<group id="g3"/></list>
END
xml_dag 'group: ../@id, group_name: ../name, n: "@n", label: label, city: at/city'
run_x 0
cat >wanted.csv <<'END'
group,group_name,n,label,city
g1,Fish & chips,1,one,Ulm
g1,Fish & chips,2,"<b>two</b>, ""2""",
g2,,3,"  drei ",Köln
END
rows >got.csv
same_file wanted.csv got.csv

it "an element that stands twice in a row is not dropped"
xml_dag 'label: label'
echo '<list><group><item><label>a</label><label>b</label></item></group></list>' >data/x.xml
run_x 1
says "data/x.xml: line 1: '/list/group/item/label' stands twice in one row"

it "an XML file that is cut off"
printf '<list><group><item><label>a</label></item>\n<item>' >data/x.xml
run_x 1
says "data/x.xml: line 2:"

it "entities are not expanded, and files are not fetched"
echo 'top secret' >data/secret.txt
for doctype in '<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">' "<!ENTITY b SYSTEM \"file://${PWD// /%20}/data/secret.txt\">" \
    '<!ENTITY b SYSTEM "http://127.0.0.1:9/x">'; do
    echo "<!DOCTYPE list [$doctype]><list><group><item><label>&b;</label></item></group></list>" >data/x.xml
    run_x 1
    says "declares entities"
done
echo '<!DOCTYPE list [<!ATTLIST item a CDATA "1">]><list><group><item><label>b</label></item></group></list>' >data/x.xml
run_x 1
says "declares attributes"

it "an XML file in an encoding that could hide its tags is refused"
{ echo '<?xml version="1.0" encoding="UTF-7"?><list><group>' && seq -f '<item><label>%.0f</label></item>' 20 && echo '</group></list>'; } >data/x.xml
run_x 1
says "its encoding is not UTF-8"
iconv -t UTF-32 data/x.xml >data/y.xml && mv data/y.xml data/x.xml
run_x 1
says "its encoding is not UTF-8"
{ echo '<?xml version="1.0" encoding="ISO-8859-1"?><list><group>' && seq -f '<item><label>%.0f</label></item>' 20 && echo '</group></list>'; } >data/x.xml
run_x 0

it "an XML file that is nested too deeply"
{ printf '<list><group>' && printf '<item>%.0s' {1..100} && printf '</item>%.0s' {1..100} && echo '</group></list>'; } >data/x.xml
run_x 1
says "nested more than 64 deep"

it "an element of very many attributes, and a text without end, are refused at once"
for encoding in UTF-8 UTF-16; do
    { printf '<list><group><item ' && seq -f 'a%.0f = "1"' 100000 && printf '/></group></list>'; } | iconv -t $encoding >data/x.xml
    expect_exit 1 clean_env timeout -k 1 $patience "$build/dagrun" run x
    says "an element has more than 10000 attributes"
done
for before in "<!-- ' -->" "<!--><![CDATA[-->" "<![CDATA['<!--]]>" "<?pi <!-- ?>"; do
    { echo "<list>$before<group><item " && seq -f 'a%.0f="1"' 100000 && printf '/></group></list>'; } >data/x.xml
    expect_exit 1 clean_env timeout -k 1 $patience "$build/dagrun" run x
    says "an element has more than 10000 attributes"
done
{ echo '<!DOCTYPE list [ <!ATTLIST item' && seq -f 'a%.0f CDATA "1"' 100000 && echo '>]><list/>'; } >data/x.xml
run_x 1
says "its document type is longer than 65536 characters"
{ printf '<list><group><item><label>' && head -c 20000000 /dev/zero | tr '\0' x && printf '</label></item></group></list>'; } >data/x.xml
run_x 1
says "is longer than 10 million bytes"
{ printf '<list><!-- ' && head -c 20000 /dev/zero | tr '\0' '=' && printf -- ' --><!--'
    seq -f 'a="%.0f"' 20000 && printf -- '--><group><item><label>a</label></item></group></list>'; } >data/x.xml
run_x 0
is "rows" "$(rows)" "label
a"

it "an empty list, and one of other things, give no rows"
echo '<list><group><thing/></group></list>' >data/x.xml
run_x 0
is "rows" "$(rows)" "label"

it "but a document of another kind is not taken for an empty list"
echo '<lists><group><item><label>a</label></item></group></lists>' >data/x.xml
run_x 1
says "data/x.xml: line 1: the document is '/lists'; no row '/list/group/item' can be in it"

it "two attributes of one name, but for their prefixes"
xml_dag 'n: "@n"'
echo '<list xmlns:v="urn:v" xmlns:w="urn:w"><group><item v:n="1" w:n="2"/></group></list>' >data/x.xml
run_x 1
says "'/list/group/item' stands twice in one row"

for wrong in 'label: /list/x|is not a path from the row' 'label: ../../../../x|leads above the root' 'label: "a@b@c"|is not a path from the row' \
    'label: "v:label"|is not a path from the row, without prefixes' 'label: "at/./city"|is not a path from the row' \
    'label: "at/../label"|is not a path from the row' 'label: "at//city"|is not a path from the row' \
    'label: "label[1]"|is not a path from the row'; do
    it "refuses the path: ${wrong%|*}"
    xml_dag "${wrong%|*}"
    run_x 1
    says "${wrong#*|}"
    says "dags/x.yaml:"
    expect_exit 3 dagrun check x
    err_has "${wrong#*|}"
done

it "and rows that no element can be"
for row in list/item /list//item /list/item/ / '/v:list/item' '/list/item[1]' /list/../item '/list/*'; do
    extract_dag <<END
    inputs: {file: data/x.xml}
    with: {source: xml, xml: {row: "$row", columns: {n: "@n"}}}
END
    run_x 1
    says "'$row' is not a path of elements from the root"
    expect_exit 3 dagrun check x
    err_has "'$row' is not a path of elements from the root"
done
extract_dag <<'END'
    inputs: {file: data/x.xml}
    with: {source: xml, xml: {row: "${logical_date}", columns: {n: "@n"}}}
END
expect_exit 0 dagrun check x

it "a path may begin with the row itself"
echo '<list><group><item n="1"><a.b>x</a.b>y</item></group></list>' >data/x.xml
xml_dag 'n: "./@n", label: ./a.b, own: .'
run_x 0
is "rows" "$(rows | tr '\n' ' ')" "n,label,own 1,x,y "
expect_exit 0 dagrun logs x
out_lacks "WARN"

it "a column that no row has is told"
xml_dag 'n: "./@n", label: a.c'
run_x 0
is "rows" "$(rows | tr '\n' ' ')" "n,label 1, "
expect_exit 0 dagrun logs x
out_has "WARN column 'label' has no value in any row: is its path in xml.columns right?"

# ---- JSON ----

it "JSON and JSON lines: columns that are found, and columns that are declared"
echo '{"data": {"items": [{"id": 12345678901234567890, "v": 1.50, "w": null}, {"id": 2, "tags": ["a", {"b": 1}], "w": "é\n"}]}}' >data/x.json
extract_dag <<'END'
    inputs: {file: data/x.json}
    with: {source: json, json: {records: data.items}}
END
run_x 0
printf 'id,v,w,tags\n12345678901234567890,1.5,,\n2,,"é\n","[""a"", {""b"": 1}]"\n' >wanted.csv
rows >got.csv
same_file wanted.csv got.csv
printf '{"id": 12345678901234567890, "v": 1.50, "w": null}\n{"id": 2, "tags": ["a", {"b": 1}], "w": "é\\n"}\n' >data/x.jsonl
extract_dag <<'END'
    inputs: {file: data/x.jsonl}
    with: {source: jsonl}
END
run_x 0
rows >got.csv
same_file wanted.csv got.csv

extract_dag <<'END'
    inputs: {file: data/x.jsonl}
    with: {source: jsonl, columns: {v: string, first: string, id: string}, json: {paths: {first: "tags[0]"}}}
END
run_x 0
printf 'v,first,id\n1.50,,12345678901234567890\n,a,2\n' >wanted.csv
rows >got.csv
same_file wanted.csv got.csv

it "an item of an array that no record has is not taken for a missing value"
sed -i 's/tags\[0\]/tagz[0]/' dags/x.yaml
run_x 1
says "no record has 'tagz[0]'; they have: id, v, w, tags"
sed -i 's/tagz\[0\]/tags[7]/' dags/x.yaml
run_x 0
printf 'v,first,id\n1.50,,12345678901234567890\n,,2\n' >wanted.csv
rows >got.csv
same_file wanted.csv got.csv
sed -i 's/tags\[7\]/tags[0]/' dags/x.yaml

it "a declared column that no record has is not taken for missing values"
sed -i 's/{v: string, /{v: string, status: string, /' dags/x.yaml
run_x 1
says "no record has 'status'; they have: id, v, w, tags"
sed -i 's/json: {/json: {optional: [nothing], /' dags/x.yaml
run_x 1
says "'nothing' is not one of the columns"

it "one that is there without any value is"
sed -i -e 's/{v: string, status: string, /{v: string, w: string, x: string, /' -e 's/optional: \[nothing\]/optional: []/' dags/x.yaml
printf '{"id": 1, "v": 2, "w": null, "x": null, "tags": []}\n{"id": 2, "v": null, "x": null, "tags": []}\n' >data/y.jsonl
sed -i 's,data/x.jsonl,data/y.jsonl,' dags/x.yaml
run_x 0
printf 'v,w,x,first,id\n2,,,,1\n,,,,2\n' >wanted.csv
rows >got.csv
same_file wanted.csv got.csv
sed -i -e 's,data/y.jsonl,data/x.jsonl,' -e 's/{v: string, w: string, x: string, /{v: string, status: string, /' -e 's/optional: \[\]/optional: [nothing]/' dags/x.yaml

it "and so is a column that may be lacking"
sed -i 's/optional: \[nothing\]/optional: [status]/' dags/x.yaml
run_x 0
printf 'v,status,first,id\n1.50,,,12345678901234567890\n,,a,2\n' >wanted.csv
rows >got.csv
same_file wanted.csv got.csv

it "arrays in the records become tables of their own"
cat >data/x.json <<'END'
{"people": [
  {"id": "a", "name": {"family": "Ash"}, "phones": [{"use": "home", "number": "1"}, {"number": "2"}], "tags": ["x", "y"]},
  {"id": "b", "name": {"family": "Elm"}, "phones": [], "tags": null},
  {"id": "c", "name": null, "phones": [{"use": "work", "number": "03", "extra": [1]}]}]}
END
dag x <<'END'
tasks:
  x:
    plugin: extract
    inputs: {file: data/x.json}
    outputs: {table: rows.csv, children: [tags.csv, phones.csv]}
    with:
      source: json
      columns: {id: string, family: string}
      json:
        records: people
        paths: {family: name.family}
        children:
          phones.csv: {array: phones, key: [id], position: nr, columns: {use: string, number: string}}
          tags.csv: {array: tags, key: [id]}
END
run_x 0
out_of_x() { tr '\n' ' ' <"$(ls -td var/runs/x/*/x/out/"$1" | head -n 1)"; }
is "records" "$(out_of_x rows.csv)" "id,family a,Ash b,Elm c, "
is "phones" "$(out_of_x phones.csv)" "id,nr,use,number a,0,home,1 a,1,,2 c,0,work,03 "
is "tags" "$(out_of_x tags.csv)" "id,position,value a,0,x a,1,y "

it "what no column and no child table takes is the rest"
cp dags/x.yaml before.yaml
sed -e 's/      json:/&\n        rest: more/' -e 's/{id: string, family: string}/{id: string}/' -e '/paths:/d' -i dags/x.yaml
run_x 0
cat >wanted.csv <<'END'
id,more
a,"{""name"":{""family"": ""Ash""}}"
b,"{""name"":{""family"": ""Elm""}}"
c,"{""name"":null}"
END
rows >got.csv
same_file wanted.csv got.csv

it "check knows what is wrong with it, and what the table will have"
checked() { # MESSAGE
    expect_exit 3 dagrun check x
    err_has "$1"
}
sed -i 's/rest: more/rest: id/' dags/x.yaml
checked "dags/x.yaml:11:15: error: json.rest: 'id' is one of the columns"
sed -i 's/rest: id/rest: [a]/' dags/x.yaml
checked "dags/x.yaml:11:15: error: json.rest: must be a text that is not empty"
sed -i 's/rest: \[a\]/remainder: a/' dags/x.yaml
checked "dags/x.yaml:11:20: error: json.remainder: unknown key; known are: records|paths|optional|children|rest"
sed -i -e 's/remainder: a/rest: more/' -e 's/ columns: {id: string}$/ columns: {id: text}/' dags/x.yaml
checked "columns: 'text' is not a type"
sed -i '/ columns: {id: text}$/d' dags/x.yaml
checked "json.rest: without 'columns' every member is a column, and nothing is left"
sed -i 's/      source: json$/&\n      columns: {id: string, family: string}/' dags/x.yaml
cat >>dags/x.yaml <<'END'
  trim:
    plugin: transform
    inputs: {table: rows.csv}
    outputs: {clean: trimmed}
    with: {steps: [{trim: {columns: [more, name]}}]}
END
checked "step trim: the table has no column 'name'; it has id, family, more"
mv before.yaml dags/x.yaml

it "a child table that nobody asked for, and one that is not declared"
sed -i 's/\[tags.csv, phones.csv\]/[tags.csv]/' dags/x.yaml
run_x 1
says "json.children has 2 tables, the output children 1"
sed -i 's/\[tags.csv\]/[tags.csv, phone.csv]/' dags/x.yaml
run_x 1
says "the output 'phone.csv' is none of json.children"

it "JSON lines of which one is broken"
printf '{"id": 1}\n{"id": \n' >data/x.jsonl
extract_dag <<'END'
    inputs: {file: data/x.jsonl}
    with: {source: jsonl}
END
run_x 1
says "data/x.jsonl:2:8: "

# ---- columns ----

it "declared columns have their types and their order"
printf 'b,a,c\n2024-02-29,1,x\n,2,y\n' >data/x.csv
extract_dag <<'END'
    inputs: {file: data/x.csv}
    with: {source: csv, columns: {a: int64, b: date}}
END
run_x 0
is "rows" "$(rows)" "a,b
1,2024-02-29
2,"

it "a value that is not of its type"
printf 'b,a,c\n2023-02-29,1,x\n' >data/x.csv
run_x 1
says "column 'b': 1 of 1 values are not of type date, the first in row 1"

it "a type that there is not"
extract_dag <<'END'
    inputs: {file: data/x.csv}
    with: {source: csv, columns: {a: integer}}
END
run_x 1
says "dags/x.yaml:7:38: columns: 'integer' is not a type"

it "a source without its file"
extract_dag <<'END'
    with: {source: csv}
END
run_x 1
says "source: csv needs the input 'file'"

# ---- folders ----

new_home folder
mkdir data/in
dag x <<'END'
params: {fail: ""}
tasks:
  x:
    plugin: extract
    outputs: {table: rows.csv, files: files.csv}
    with:
      source: folder
      columns: {a: int64}
      folder: {path: data/in, pattern: "*.csv", format: csv, order: name, ledger: arrivals, bad_files: skip}
  work:
    plugin: shell
    inputs: {files: [rows.csv]}
    with: {command: "exit ${params.fail}"}
  done:
    plugin: ledger
    depends_on: [work]
    inputs: {files: files.csv}
    with: {ledger: arrivals}
END
files() { tail -n +2 "$(ls -td var/runs/x/*/x/out/files.csv | head -n 1)" | cut -d, -f1,4,5; }

it "the files of a folder, in the order of their names; a broken one is told apart, others are not lost"
printf 'a\n1\n2\n' >data/in/b.csv
printf 'a\n3\n' >data/in/a.csv
printf 'a\nx\n' >data/in/bad.csv
printf 'a\n1\n2\n' >data/in/same_as_b.csv
printf 'a\n9\n' >data/in/.hidden.csv
printf 'a\n9\n' >data/in/other.txt
mkdir data/in/folder.csv
run_x 0
is "rows" "$(rows | tr '\n' ' ')" "a,_file 3,a.csv 1,b.csv 2,b.csv "
is "files" "$(files)" "a.csv,read,1
b.csv,read,2
bad.csv,refused,0
same_as_b.csv,known,0"

it "what was read is not read again, under no name; what is new, or was refused and is mended, is"
mv data/in/a.csv data/in/renamed.csv
printf 'a\n4\n' >data/in/bad.csv
printf 'a\n5\n' >data/in/new.csv
touch data/in/b.csv
touch -d '+1 day' data/in/new.csv # by another machine's clock
run_x 0
is "rows" "$(rows | tr '\n' ' ')" "a,_file 4,bad.csv 5,new.csv "

it "a folder in which nothing is new"
run_x 0
is "rows" "$(rows)" "a,_file"

it "files of a run that failed behind the reading are read by the next run"
printf 'a\n6\n' >data/in/late.csv
expect_exit 1 dagrun run x --param fail=1
run_x 0
is "rows" "$(rows | tr '\n' ' ')" "a,_file 6,late.csv "

it "decimals of files that are spelt with more or fewer digits are one column"
mkdir data/amounts
cp dags/x.yaml dags.x.keep
printf 'id,amount\n1,1.50\n' >data/amounts/a.csv
printf 'id,amount\n2,1.375\n3,100\n' >data/amounts/b.csv
printf 'id,amount\n' >data/amounts/c.csv
extract_dag <<'END'
    with:
      source: folder
      columns: {amount: decimal, id: int64}
      folder: {path: data/amounts, format: csv}
END
run_x 0
is "rows" "$(rows | tr '\n' ' ')" "amount,id,_file 1.500,1,a.csv 1.375,2,b.csv 100.000,3,b.csv "
printf 'id,amount\n4,2.x\n' >data/amounts/d.csv
run_x 1
says "d.csv: column 'amount': 1 of 1 values are not of type decimal"

it "files with other columns than the first are named"
sed -i '/^      columns:/d' dags/x.yaml
printf 'id,name\n4,x\n' >data/amounts/d.csv
run_x 1
says "d.csv does not fit a.csv; name the columns that matter in 'columns': concat: column 2 is 'amount' in the first table, 'name'"
mv dags.x.keep dags/x.yaml

it "a folder of JSON: children of all files, and empty ones with their columns where nothing is new"
cp dags/x.yaml dags.x.keep
mkdir data/people
for i in 1 2; do echo "{\"id\": $i, \"phones\": [{\"n\": \"$i$i\"}]}" >data/people/$i.json; done
dag x <<'END'
tasks:
  x:
    plugin: extract
    outputs: {table: rows.csv, files: files.csv, children: [phones.csv]}
    with:
      source: folder
      columns: {id: int64}
      json: {rest: more, children: {phones.csv: {array: phones, key: [id], columns: {n: string}}}}
      folder: {path: data/people, format: json, ledger: people}
  done: {plugin: ledger, inputs: {files: files.csv}, with: {ledger: people}}
END
run_x 0
phones() { tr '\n' ' ' <"$(ls -td var/runs/x/*/x/out/phones.csv | head -n 1)"; }
is "phones" "$(phones)" "id,position,n,_file 1,0,11,1.json 2,0,22,2.json "
is "rows" "$(rows | tr '\n' ' ')" "id,more,_file 1,,1.json 2,,2.json "
run_x 0
is "no rows" "$(rows | tr '\n' ' ')" "id,more,_file "
is "no phones" "$(phones)" "id,position,n,_file "
mv dags.x.keep dags/x.yaml

it "a folder of XML has its columns where nothing is new"
mkdir data/none
cp dags/x.yaml dags.x.keep
extract_dag <<'END'
    with:
      source: folder
      xml: {row: /list/item, columns: {n: "@n", label: label}}
      folder: {path: data/none, format: xml}
END
run_x 0
is "no rows" "$(rows)" "n,label,_file"
mv dags.x.keep dags/x.yaml

it "in a folder of JSON a file without items in an array, or without records, has nothing to add"
cp dags/x.yaml dags.x.keep
echo '{"id": 3, "phones": []}' >data/people/0.json
echo '{"id": 4}' >data/people/3.json
echo '[]' >data/people/4.json
dag x <<'END'
tasks:
  x:
    plugin: extract
    outputs: {table: rows.csv, children: [phones.csv]}
    with:
      source: folder
      columns: {id: int64}
      json: {children: {phones.csv: {array: phones, key: [id]}}}
      folder: {path: data/people, format: json}
END
run_x 0
is "phones" "$(phones)" "id,position,n,_file 1,0,11,1.json 2,0,22,2.json "
is "rows" "$(rows | tr '\n' ' ')" "id,_file 3,0.json 1,1.json 2,2.json 4,3.json "
echo '{"id": 5, "phones": [{"use": "home"}]}' >data/people/5.json
run_x 1
says "5.json does not fit 1.json; name the columns that matter in 'phones.csv.columns': concat: column 3 is 'n'"
mv dags.x.keep dags/x.yaml

it "files in the order of their last change, and what may not be complete left alone"
mkdir data/timed
cp dags/x.yaml dags.x.keep
for name in a b c d e f; do printf 'id\n%s\n' $name >data/timed/$name.csv; done
for time in e=@1700000000 d=@1700000001.2 a=@1700000001.3 b=@1700000001.3; do touch -d "${time#*=}" "data/timed/${time%%=*}.csv"; done
touch -d '+1 day' data/timed/f.csv
extract_dag <<'END'
    with: {source: folder, folder: {path: data/timed, format: csv, order: time, settle: 1h}}
END
sed -i 's/{table: rows.csv}/{table: rows.csv, files: files.csv}/; s/outputs: .*/outputs: {table: rows.csv, files: files.csv}/' dags/x.yaml
run_x 0
is "rows" "$(rows | tr '\n' ' ')" "id,_file e,e.csv d,d.csv a,a.csv b,b.csv "
unsettled() { tail -n +2 "$(ls -td var/runs/x/*/x/out/files.csv | head -n 1)" | cut -d, -f1,4- | grep unsettled; }
is "files" "$(unsettled | sed 's/ [0-9]* ms/ N ms/')" "c.csv,unsettled,0,changed N ms ago
f.csv,unsettled,0,\"changed in the future, by this machine's clock\""
sed -i 's/settle: 1h/settle: 0s/' dags/x.yaml
run_x 0
is "rows without settle" "$(rows | tr '\n' ' ')" "id,_file e,e.csv d,d.csv a,a.csv b,b.csv c,c.csv f,f.csv "
mv dags.x.keep dags/x.yaml

it "a link to nowhere is a broken file, and a pipe is none"
ln -s nowhere data/in/link.csv
mkfifo data/in/pipe.csv
printf 'a\n7\n' >data/in/newer.csv
run_x 0
is "rows" "$(rows | tr '\n' ' ')" "a,_file 7,newer.csv "
is "files" "$(files | grep -E 'link|newer|pipe')" "link.csv,refused,0
newer.csv,read,1"
sed -i 's/, bad_files: skip//' dags/x.yaml
run_x 1
says "link.csv: cannot find it: No such file or directory"
rm data/in/link.csv

it "a broken file fails the task where bad_files does not say otherwise"
printf 'a\nx\n' >data/in/worse.csv
run_x 1
says "worse.csv: column 'a': 1 of 1 values are not of type int64"

it "a folder that is not there"
sed -i 's,data/in,data/nowhere,' dags/x.yaml
run_x 1
says "cannot read the folder"
finish
