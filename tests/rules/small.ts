/** A few RISC-V rows to try the language on. */
export const SMALL = `isa small little
file X[32]: i64
names X zero ra sp gp tp t0 t1 t2 s0 s1 a0 a1 a2 a3 a4 a5 a6 a7 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 t3 t4 t5 t6
name sp = x(2)
view x(n): 64  get n == 0 ? 0 : X[n]  set if n != 0 { X[n] = v }
field rd rs1 rs2: 5 is x
signed imm
section I
addi | imm[11:0] rs1 000 rd 0010011 | addi {rd}, {rs1}, {imm} | rd = rs1 + imm
lw   | imm[11:0] rs1 010 rd 0000011 | lw {rd}, {imm}({rs1})   | rd = sext(mem<32>[rs1 + imm])
sd   | imm[11:5] rs2 rs1 011 imm[4:0] 0100011 | sd {rs2}, {imm}({rs1}) | mem<64>[rs1 + imm] = rs2
jalr | imm[11:0] rs1 000 rd 1100111 | jalr {rd}, {imm}({rs1}) | rd = next; jump (rs1 + imm) & ~1
table branch: op f3 taken
  beq  000  rs1 == rs2
  blt  100  rs1 <s rs2
for branch:
  {op} | imm[12|10:5] rs2 rs1 {f3} imm[4:1|11] 1100011 | {op} {rs1}, {rs2}, {imm:label} | if taken { jump pc + imm }
ecall | 000000000000 00000 000 00000 1110011 | ecall | stop syscall
c.addi | 000 imm[5] rd imm[4:0] 01 where rd != 0 | c.addi {rd}, {imm} | => addi {rd}, {rd}, {imm}
`;
