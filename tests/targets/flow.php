<?php
// SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
// See flow.py.
class Flow {
    static function fact($n) { return $n <= 1 ? 1 : $n * self::fact($n - 1); }
    function deep($n) {
        if ($n == 0)
            throw new Exception("deep enough");
        $this->deep($n - 1);
    }
    function guarded() {
        try {
            $this->deep(2);
        } catch (Exception $e) {
            leaf();
        }
    }
}

function leaf() {}

function work() {
    Flow::fact(3);
    (new Flow)->guarded();
    leaf();
}

echo "ready\n";
fgets(STDIN);
work();
echo "done\n";
fgets(STDIN);
