<?php
// SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
// K rounds of known work: calls, objects, exceptions, collections, files.
class Thing
{
}

function call($n)
{
    return $n;
}

function raising()
{
    throw new Exception();
}

function round_of_work($file)
{
    for ($i = 0; $i < 1000; $i++)
        call($i);
    for ($i = 0; $i < 300; $i++)
        new Thing();
    for ($i = 0; $i < 50; $i++) {
        try {
            raising();
        } catch (Exception $e) {
        }
    }
    for ($i = 0; $i < 7; $i++)
        gc_collect_cycles();
    for ($i = 0; $i < 3; $i++)
        include $file;
}

for ($k = 0; $k < $argv[1]; $k++)
    round_of_work($argv[2]);
