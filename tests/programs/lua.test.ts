import { type Case, compare } from "./compare.ts";

const lua = (name: string, script: string, ...args: string[]): Case => ({
  name,
  run: ["/usr/bin/lua5.4", "-e", script, ...args],
});

const CASES: readonly Case[] = [
  lua(
    "closures",
    "local function counter() local n = 0 return function() n = n + 1 return n end end local a, b = counter(), counter() a() a() print(a(), b())",
  ),
  lua(
    "strings",
    "print((('guest memory'):gsub('%w+', string.upper)), ('%5.2f|%-6s|%q'):format(math.pi, 'ab', 'a\\n\"b'), ('x'):rep(3, ','), ('abc'):byte(1, -1))",
  ),
  lua(
    "patterns",
    "for k, v in ('a=1, b=22, c=333'):gmatch('(%w+)=(%w+)') do io.write(k, v, ' ') end print(('f(a(b)c)d'):match('%b()'), ('  trim '):match('^%s*(.-)%s*$'))",
  ),
  lua(
    "integers",
    "print(7 // 2, -7 // 2, 7 % -3, 7.5 // 2, 1 << 62, math.maxinteger + 1 == math.mininteger, 0xff ~ 0x0f, ~0, 3 | 4, '10' + 5)",
  ),
  lua(
    "floats",
    "print(2^0.5, 1e15, 1e16, 1/3, -0.0, 1/0, 0/0 ~= 0/0, math.tointeger(3.0), 3 == 3.0, 100 // 1e-3, string.format('%a', 0.1))",
  ),
  lua(
    "mathematics",
    "for _, f in ipairs{'sin', 'cos', 'tan', 'exp', 'sqrt', 'log', 'atan'} do io.write(f, ' ', string.format('%.17g', math[f](0.7)), '\\n') end print(math.fmod(7, 3), math.ult(1, -1), math.abs(-5))",
  ),
  lua(
    "coroutines",
    "local g = coroutine.wrap(function() for i = 1, 5 do coroutine.yield(i * i) end return 'end' end) for i = 1, 6 do io.write(tostring(g()), ' ') end print(coroutine.isyieldable(), select('#', pcall(g)))",
  ),
  lua(
    "collecting garbage",
    "local t = setmetatable({}, {__mode = 'v'}) for i = 1, 20000 do t[i % 100] = {i} end collectgarbage() local n = 0 for _ in pairs(t) do n = n + 1 end print(n) for i = 1, 300 do local s = ('x'):rep(1000 * i) end print(collectgarbage('count') < 20000)",
  ),
  lua(
    "metatables",
    "local V = {} V.__index = V V.__add = function(a, b) return setmetatable({a[1] + b[1]}, V) end V.__tostring = function(v) return 'V' .. v[1] end V.__lt = function(a, b) return a[1] < b[1] end local a, b = setmetatable({1}, V), setmetatable({2}, V) print(tostring(a + b), a < b, #a)",
  ),
  lua(
    "errors",
    "print(select(2, pcall(error, {code = 5})).code) print(pcall(function() local x = nil; return x.y end)) print(select(2, xpcall(function() error('deep', 2) end, function(m) return 'caught ' .. m end)))",
  ),
  { ...lua("an uncaught error", "error('told to fail')"), stderr: true },
  lua(
    "deep recursion",
    "local function f(n) if n == 0 then return 0 end return 1 + f(n - 1) end print(f(10000)) print(pcall(function() local function g() return 1 + g() end return g() end))",
  ),
  lua(
    "sorting",
    "local t, s = {}, 42 for i = 1, 5000 do s = (s * 1103515245 + 12345) % 2147483648 t[i] = s end table.sort(t) local sum = 0 for i, v in ipairs(t) do sum = (sum * 31 + v) % 1000003 end print(sum, t[1], t[#t]) table.sort(t, function(a, b) return a > b end) print(t[1])",
  ),
  lua(
    "files",
    "local f = assert(io.open('/tmp/lua', 'w')) for i = 1, 100 do f:write(i, '\\n') end f:close() local n = 0 for line in io.lines('/tmp/lua') do n = n + tonumber(line) end print(n, os.remove('/tmp/lua'), io.open('/tmp/lua'))",
  ),
  lua(
    "reading a file",
    "local f = io.open('/data/text.txt') print(f:seek('end'), f:seek('set', 10), f:read(20), #f:read('a'))",
  ),
  lua("packing", "print(string.pack('<i4>d', -2, 1.5):byte(1, -1)) print(string.unpack('<I2s1', '\\1\\2\\3abc'))"),
  lua(
    "unicode",
    "for p, c in utf8.codes('añ€𝄞') do io.write(p, ':', c, ' ') end print(utf8.len('añ€𝄞'), utf8.char(8364))",
  ),
  lua("loading code", "local f = load('local a, b = ... return a * b, #arg, ...') print(f(6, 7), load('x ='))"),
  lua(
    "dates",
    "print(os.date('!%Y-%m-%d %H:%M:%S', 1e9), os.time{year = 2000, month = 1, day = 1, hour = 12} > 0, os.getenv('NOTHING'), type(os.clock()))",
  ),
  {
    name: "a script with a status",
    run: ["/usr/bin/lua5.4", "-", "one", "two"],
    stdin: "print(arg[1], arg[2], #arg) os.exit(9)",
  },
];

compare("lua", CASES);
