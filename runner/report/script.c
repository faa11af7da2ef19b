/* script.c - what makes a page handier; it works without. */
#include "report/page.h"

const char *const dr_page_script[] = {
    "(function(){'use strict';"
    "var d=document,tools=d.getElementById('tools'),body=d.getElementById('checks-body');"
    /* A link to a check must find it: unfold what it lies in. */
    "function unfold(){var id=decodeURIComponent(location.hash.slice(1)),e=id&&d.getElementById(id);"
    "if(!e)return;for(var p=e;p;p=p.parentElement)if(p.tagName==='DETAILS')p.open=true;e.hidden=false;"
    "var x=e.tagName==='ARTICLE'&&e.querySelector('details');if(x)x.open=true;e.scrollIntoView()}"
    "addEventListener('hashchange',unfold);unfold();"
    /* On paper everything is open. */
    "var opened=[];addEventListener('beforeprint',function(){d.querySelectorAll('details:not([open])')"
    ".forEach(function(x){x.open=true;opened.push(x)})});"
    "addEventListener('afterprint',function(){opened.forEach(function(x){x.open=false});opened=[]});"
    "if(!tools||!body)return;tools.hidden=false;"
    "var "
    "rows=Array.prototype.slice.call(body.rows),q=d.getElementById('f-text'),out=d.getElementById('f-count'),"
    "lists=['status','severity','dataset','type'].map(function(k){return[k,d.getElementById('f-'+k)]}),text="
    "null;"
    "function apply(){if(!text)text=rows.map(function(r){return r.textContent.toLowerCase()});"
    "var words=q.value.toLowerCase().split(/\\s+/).filter(Boolean),n=0;"
    "rows.forEach(function(r,i){var "
    "ok=lists.every(function(l){return!l[1].value||r.dataset[l[0]]===l[1].value})"
    "&&words.every(function(w){return text[i].indexOf(w)>=0});r.hidden=!ok;n+=ok});"
    "out.textContent=n+' of '+rows.length+' shown'}"
    "q.addEventListener('input',apply);lists.forEach(function(l){l[1].addEventListener('change',apply)});"
    "d.addEventListener('keydown',function(e){var "
    "t=e.target.tagName;if(e.key==='/'&&t!=='INPUT'&&t!=='SELECT')"
    "{e.preventDefault();q.focus()}if(e.key==='Escape'&&e.target===q){q.value='';apply()}});"
    "tools.addEventListener('submit',function(e){e.preventDefault()})})();",
    NULL,
};
