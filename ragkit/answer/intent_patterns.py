# ruff: noqa: E501  (patterns read best one language a line)

"""How a reader greets, asks what there is and what it can do, and asks for a summary.

Patterns match the whole message, in lower case and without the marks and politeness around it: a
message that holds anything more is a question to the documents. ``{file}`` stands for a file's
name.
"""

from __future__ import annotations

__all__ = ["ABILITY", "DOCUMENTS", "GOODBYE", "GREETING", "POLITE", "SUMMARY", "THANKS"]

# Words that may stand around any message, and change nothing in it.
POLITE = (
    r"(?:请问一下|请问|請問一下|請問|麻烦你|麻烦您|麻烦|麻煩|请你|请您|請你|請您|请|請|帮我|帮忙|幫我|幫忙|给我|給我|劳驾|please|pls|kindly|(?:can|could|would|will) you(?: please)?"
    r"|bitte|s['’]il (?:te|vous) plaît|por favor|per favore|пожалуйста|من فضلك|कृपया|lütfen|làm ơn|vui lòng|παρακαλώ|ช่วย|โปรด|教えてください|お願いします)"
)

_ADDRESSED = r"(?:there|all|everyone|everybody|team|ragkit|bot|assistant|friend|大家|各位|机器人|機器人|助手|小助手)"

_CALLED_ZH = rf"(?:{_ADDRESSED}|[啊呀哦噢呢吗 ,，!！。~])*"

GREETING: dict[str, str] = {
    "en": rf"(?:hello|hi+|hey|hiya|howdy|greetings|good (?:morning|afternoon|evening|day))(?: {_ADDRESSED})?(?:[ ,!]+(?:how are you(?: doing)?|how do you do|nice to meet you|what['’]?s up))?|how are you(?: doing)?(?: today)?|what['’]?s up|test|ping",
    "zh": rf"{_CALLED_ZH}(?:(?:你们好|大家好|你好|您好|嗨|哈喽|哈囉|哈啰|喂|hi|hello|早上好|早安|早|上午好|中午好|下午好|晚上好|晚安|在吗|在嗎|在么|你在吗|有人吗|有人嗎|测试|測試){_CALLED_ZH})+",
    "de": r"hallo|guten (?:tag|morgen|abend)|servus|moin|grüß gott|hi|wie geht(?:['’]?s| es (?:dir|ihnen))",
    "fr": r"bonjour|bonsoir|salut|coucou|(?:bonjour|salut)[ ,]+(?:ça va|comment (?:ça va|allez-vous|vas-tu))|ça va",
    "es": r"hola|buen(?:os|as) (?:días|tardes|noches)|(?:hola[ ,]+)?(?:qué tal|cómo estás?|cómo está usted)",
    "it": r"ciao|salve|buon(?:giorno|asera)|(?:ciao[ ,]+)?come (?:stai|sta|va)",
    "pt": r"olá|oi|bom dia|boa (?:tarde|noite)|(?:olá|oi)?[ ,]*(?:tudo bem|como vai)",
    "ru": r"привет|здравствуй(?:те)?|добр(?:ый|ое|ой) (?:день|утро|вечер)|(?:привет[ ,]+)?как дела",
    "ar": r"مرحبا|مرحبًا|أهلا|أهلاً|السلام عليكم|صباح الخير|مساء الخير|كيف حالك",
    "hi": r"नमस्ते|नमस्कार|हैलो|हेलो|सुप्रभात|आप कैसे हैं",
    "th": r"สวัสดี(?:ครับ|ค่ะ|คะ)?|หวัดดี|สบายดีไหม",
    "vi": r"(?:xin )?chào(?: (?:bạn|anh|chị|em|mọi người))?|bạn khỏe không",
    "tr": r"merhaba(?:lar)?|selam|günaydın|iyi (?:günler|akşamlar)|nasılsın(?:ız)?",
    "el": r"γεια(?: σου| σας)?|καλημέρα|καλησπέρα|χαίρετε|τι κάνεις",
    "ja": r"こんにちは|こんばんは|おはよう(?:ございます)?|はじめまして|やあ|もしもし|お元気ですか",
    "ko": r"안녕(?:하세요|하십니까)?|반갑습니다|여보세요|잘 지내세요",
}  # fmt: skip

THANKS: dict[str, str] = {
    "en": r"(?:ok(?:ay)?|great|perfect|cool|nice|good)?[ ,!.]*(?:thanks?(?: you)?|thx|ty|cheers|much appreciated)(?: (?:a lot|so much|very much|you|again|for (?:your|the) (?:help|answers?)))*|(?:ok(?:ay)?|great|perfect|cool|nice|good(?: job)?|got it|i see|well done)",
    "zh": r"(?:好的|好|嗯|行|ok)?[ ,，。!！]*(?:谢谢|多谢|感谢|谢啦|谢了|謝謝|多謝|感謝|辛苦了|thanks)(?:你|您|大家|了|啦|啊|哦|的帮助|的幫助|你的帮助|您的帮助|[ ,，。!！])*|好的?|嗯+|明白了?|知道了|了解了?|收到|ok|不错|很好|太好了|没问题",
    "de": r"danke(?: (?:schön|sehr|dir|ihnen))?|vielen dank|besten dank",
    "fr": r"merci(?: (?:beaucoup|bien))?",
    "es": r"(?:muchas )?gracias",
    "it": r"grazie(?: mille)?",
    "pt": r"(?:muito )?obrigad[oa]",
    "ru": r"(?:большое )?спасибо(?: большое)?|благодарю",
    "ar": r"شكرا(?: جزيلا)?|شكرًا(?: جزيلًا| لك)?",
    "hi": r"(?:बहुत[ -]*(?:बहुत )?)?(?:धन्यवाद|शुक्रिया)",
    "th": r"ขอบคุณ(?:มาก)?(?:ครับ|ค่ะ|คะ)?",
    "vi": r"(?:xin )?cảm ơn(?: (?:bạn|nhiều|bạn nhiều))?",
    "tr": r"(?:çok )?teşekkür(?:ler| ederim| ederiz)|sağ ?ol(?:un)?",
    "el": r"(?:σας |σε )?ευχαριστώ(?: πολύ)?",
    "ja": r"(?:どうも)?(?:ありがとう(?:ございます|ございました)?|感謝します)|どうも|なるほど|わかりました",
    "ko": r"감사합니다|고맙습니다|고마워(?:요)?|감사해요|알겠습니다",
}  # fmt: skip

GOODBYE: dict[str, str] = {
    "en": r"(?:ok[ ,]+)?(?:bye(?:[ -]?bye)?|goodbye|good ?night|see you(?: (?:later|soon|tomorrow))?|farewell)",
    "zh": r"再见|再見|拜拜|回头见|明天见|下次见|bye",
    "de": r"tschüss|tschüs|auf wiedersehen|bis (?:bald|morgen|später)|gute nacht",
    "fr": r"au revoir|à (?:bientôt|demain|plus)|bonne (?:nuit|journée)",
    "es": r"adiós|hasta (?:luego|mañana|pronto)|chao",
    "it": r"arrivederci|a (?:presto|domani)|buonanotte",
    "pt": r"adeus|tchau|até (?:logo|amanhã|breve)",
    "ru": r"пока|до свидания|до завтра|спокойной ночи",
    "ar": r"مع السلامة|وداعا|وداعًا|إلى اللقاء",
    "hi": r"अलविदा|फिर मिलेंगे",
    "th": r"ลาก่อน(?:ครับ|ค่ะ)?|แล้วเจอกัน",
    "vi": r"tạm biệt|hẹn gặp lại",
    "tr": r"hoşça ?kal(?:ın)?|güle güle|görüşürüz",
    "el": r"αντίο|τα λέμε|καληνύχτα",
    "ja": r"さようなら|さよなら|またね|おやすみ(?:なさい)?|では、?また",
    "ko": r"안녕히 (?:가세요|계세요)|잘 가(?:요)?",
}  # fmt: skip

ABILITY: dict[str, str] = {
    "en": r"what (?:can|could|do) you do(?: for (?:me|us))?|what are you(?: (?:able to do|capable of|good at|for))?|what(?: else)? can i (?:ask|do)(?: you)?(?: here)?|how (?:can|could|do) you help(?: me| us)?|what can you help (?:me|us)?(?: ?with)?|who are you|what is this|how (?:do|can|should) i use (?:this|you)|help(?: me)?|what are your (?:features|functions|capabilities|abilities)|introduce yourself|(?:tell|say) (?:me )?(?:something )?about yourself",
    "zh": r"(?:那)?(?:你|您)(?:都|还|還)?(?:能|会|會|可以|能够|能夠)(?:帮我|幫我|帮忙|为我|給我|给我|帮助我)?(?:做|干|幹|回答|帮助|處理|处理|提供)?(?:些|一些)?(?:什么|什麼|甚麼|啥|哪些)(?:事情|事|问题|問題|忙|帮助|东西|東西|工作|功能|服务|呢|呀|啊)*|(?:你|您)(?:有|具备)(?:什么|什麼|哪些|啥)(?:样的)?(?:功能|能力|本事|用|用处|作用)|(?:你|您)(?:是|到底是|究竟是)(?:谁|誰|什么|什麼|干什么的|做什么的|干啥的|什么机器人)|(?:你|您)?(?:能|可以)(?:做|干)(?:什么|什麼|啥)|(?:我)?(?:可以|能)问(?:你)?(?:些)?(?:什么|哪些)(?:问题)?|(?:你的)?(?:功能|能力)(?:介绍|有哪些|是什么)?|(?:自我介绍|介绍(?:一下)?(?:你)?自己)(?:一下|吧)?|(?:这|這)(?:是|个是|個是)(?:什么|什麼|干什么用的)|怎么使用你|(?:你|这个)怎么用|怎么用你|帮助|幫助|使用帮助|help",
    "de": r"was (?:kannst du|können sie)(?: (?:alles|für mich))?(?: tun| machen)?|wer bist du|wer sind sie|was bist du|hilfe|wie (?:kannst du|können sie) mir helfen|was kann ich (?:dich |sie )?fragen",
    "fr": r"que (?:peux-tu|pouvez-vous|sais-tu|savez-vous) faire(?: pour moi)?|qu['’]est-ce que (?:tu peux|vous pouvez) faire|(?:qui|qu['’])(?: ?es-tu| êtes-vous)|aide|comment (?:peux-tu|pouvez-vous) m['’]aider",
    "es": r"qué (?:puedes|puede|sabes) hacer(?: por mí)?|quién eres|qué eres|ayuda|en qué (?:puedes|me puedes) ayudar(?:me)?|cómo puedes ayudarme",
    "it": r"(?:che )?cosa (?:puoi|sai) fare(?: per me)?|chi sei|aiuto|come puoi aiutarmi",
    "pt": r"o que (?:você )?(?:pode|sabe|podes) fazer(?: por mim)?|quem (?:é você|és tu)|ajuda|como (?:você )?pode me ajudar",
    "ru": r"что (?:ты|вы) (?:умеешь|умеете|можешь|можете)(?: (?:делать|сделать))?|кто (?:ты|вы)(?: такой| такая| такие)?|помощь|помоги(?:те)?|чем (?:ты|вы) (?:можешь|можете) помочь",
    "ar": r"ماذا (?:يمكنك|تستطيع) (?:أن تفعل|فعله|أن تفعله)|ما الذي يمكنك فعله|من أنت|مساعدة|كيف يمكنك مساعدتي",
    "hi": r"(?:आप|तुम) क्या कर सकते (?:हैं|हो)|(?:आप|तुम) कौन (?:हैं|हो)|मदद|सहायता",
    "th": r"คุณทำอะไรได้บ้าง(?:ครับ|คะ)?|ทำอะไรได้บ้าง|คุณคือใคร|ช่วยอะไรได้บ้าง",
    "vi": r"bạn (?:có thể )?(?:làm|giúp)(?: được)? (?:gì|những gì)(?: cho tôi)?|bạn làm được (?:gì|những gì)|bạn là ai|trợ giúp|giúp đỡ",
    "tr": r"(?:sen )?ne(?:ler)? yapabilirsin(?:iz)?|(?:sen )?kimsin(?:iz)?|yardım|bana nasıl yardım edebilirsin",
    "el": r"τι μπορείς να κάνεις|τι μπορείτε να κάνετε|ποιος είσαι|βοήθεια|πώς μπορείς να (?:με )?βοηθήσεις",
    "ja": r"(?:あなたは)?(?:何|なに)(?:が|を)?(?:でき(?:ますか|る(?:の|んですか)?)|してくれますか)|あなたは(?:誰|だれ|何)(?:ですか)?|ヘルプ|使い方を?",
    "ko": r"(?:당신은 |너는? )?(?:무엇|뭐|뭘|무엇을)(?:을|를)? ?할 수 (?:있나요|있어요?|있습니까|있니)|(?:당신은 |너는? )?누구(?:세요|야|입니까|인가요)|도움말|도와주세요",
}  # fmt: skip

_DOCS_EN = r"(?:documents?|docs|files?|sources|papers|texts|materials|pdfs)"
_DOCS_ZH = r"(?:文档|文檔|文件|文档文件|档案|檔案|资料|資料|材料|来源|來源|内容|內容|数据|資料檔|知识|知識|书|書)"
_HERE_ZH = r"(?:现在|目前|当前|當前|一共|总共|總共|都|这里|這裡|这边|里面|裡面|你|您|你们|知识库|知識庫|知识库里面?|知识库中|知識庫裡|索引里面?|索引中|文件夹里面?|文件夾裡|目录里面?|库里面?|系统里面?|系统中|手头|手上|的)*"
_DOCS = {
    "de": r"(?:dokumente?n?|dateien|unterlagen|texte)",
    "fr": r"(?:documents?|fichiers?|textes?|sources)",
    "es": r"(?:documentos?|archivos?|ficheros?|textos?)",
    "it": r"(?:documenti|file|testi|fonti)",
    "pt": r"(?:documentos?|arquivos?|ficheiros?|textos?)",
    "ru": r"(?:документ(?:ы|ов|а)?|файл(?:ы|ов|а)?|тексты|источники)",
    "tr": r"(?:belge(?:ler)?(?:in|iniz)?|dosya(?:lar)?(?:ın|ınız)?|doküman(?:lar)?)",
    "el": r"(?:έγγραφα|αρχεία|κείμενα)",
    "vi": r"(?:tài liệu|tập tin|tệp|văn bản)",
}

DOCUMENTS: dict[str, str] = {
    "en": rf"(?:what|which)(?: kinds? of)? {_DOCS_EN} (?:do you (?:have|know|hold|read|see|use|cover)(?: access to)?|do we have|are (?:there|here|indexed|available|loaded|included|in (?:here|(?:the|this|your) (?:index|folder|library|collection|knowledge base)))|have (?:you|been) (?:got|read|seen|indexed|loaded)|(?:can|could) you (?:see|read|access|use|search)|did you (?:read|index|load)|is (?:there|here))(?: (?:now|here|so far|at the moment|in (?:the|this|your) (?:index|folder|library|collection|knowledge base)))?"
    rf"|(?:list|show(?: me)?|enumerate|name)(?: me)? (?:all|the|all the|all of the|your|all your|my|all my|our|indexed|available)(?: indexed| available)? {_DOCS_EN}(?: (?:you have|you know|there are|here|in (?:the|this|your) (?:index|folder|library|collection|knowledge base)))?"
    rf"|how many {_DOCS_EN} (?:do you (?:have|know)|do we have|are (?:there|here|indexed|loaded)|have (?:you|been) (?:read|indexed|loaded))(?: (?:in (?:the|this|your) (?:index|folder|library|collection|knowledge base)|here|in total))?"
    rf"|what do you know(?: about)?|what['’]?(?:s| is) in (?:here|(?:the|this|your|my) (?:index|folder|library|collection|knowledge base|documents|files))|what (?:are|is) (?:the|these|your|my) {_DOCS_EN}(?: about)?|(?:summari[sz]e|overview of|give me an overview of|describe) (?:all|the|all the|these|your|my) (?:documents|docs|files)|(?:list|overview) of (?:the |all |all the )?{_DOCS_EN}",
    "zh": rf"{_HERE_ZH}(?:有|包含|包括|收录了?|收錄了?|含有|存了|放了|索引了|读过|讀過|看过|读了|知道|了解|掌握)(?:哪|那|什|甚|些|几|幾|多)[个個份篇本些么麼少]*(?:种|個|个|份|篇|本)?{_DOCS_ZH}(?:呢|啊|呀|可以?用|可(?:供|以)?查(?:询|找|閱|阅)?|可(?:以)?问)?"
    rf"|(?:列出|列一下|列举|列舉|显示|顯示|展示|查看|看看|看一下|列)(?:一下|下)?(?:你的|现有的?|現有的?|当前的?|所有的?|全部的?|已索引的?|知识库(?:里|中)?的?|有的|这些|索引里的)*{_DOCS_ZH}(?:列表|清单|目录|名称)?|(?:所有|全部)?(?:文档|文件|文檔|资料|資料)(?:列表|清单|清單|目录|目錄|名单)|{_DOCS_ZH}(?:都)?有(?:哪些|什么|什麼|多少(?:个|份|篇)?)"
    rf"|(?:知识库|知識庫|文件夹|文件夾|资料库|索引)(?:里面?|裡面?|中|内)?(?:都)?(?:有|是|包含|收录了?)(?:些|哪些)?(?:什么|什麼|啥|哪些)(?:内容|东西|資料|资料)?|(?:你|您)(?:都)?(?:知道|了解)(?:些|哪些)?(?:什么|什麼|啥)|(?:总结|概括|概述|介绍)(?:一下|下)?(?:所有|全部|这些|這些|你的|这些的)(?:的)?(?:文档|文件|资料|文檔|資料)(?:的内容)?|(?:这些|這些)(?:文档|文件|资料|文檔)(?:都|主要)?(?:是|讲|讲的是|说|关于|講)(?:了|的)?(?:什么|什麼|啥)(?:的|内容)?",
    "de": rf"welche {_DOCS['de']} (?:hast du|haben sie|gibt es(?: hier)?|sind (?:vorhanden|da|indexiert|verfügbar)|kennst du|kennen sie)|wie viele {_DOCS['de']} (?:hast du|haben sie|gibt es(?: hier)?|sind (?:vorhanden|indexiert))|(?:liste|zeige?)(?: mir)? (?:alle|die|alle meine|meine) {_DOCS['de']}(?: auf)?",
    "fr": rf"(?:quels|quelles) (?:sont (?:les|tes|vos) )?{_DOCS['fr']}(?: (?:as-tu|avez-vous|y a-t-il|sont (?:disponibles|indexés)|connais-tu|connaissez-vous))?|combien de {_DOCS['fr']} (?:as-tu|avez-vous|y a-t-il)|(?:liste|listez|montre|montrez)(?:-moi)? (?:les|tous les|mes|tes|vos) {_DOCS['fr']}",
    "es": rf"qué {_DOCS['es']} (?:tienes|tiene|hay|conoces|están (?:disponibles|indexados))|cuáles son (?:los|tus) {_DOCS['es']}|cuántos {_DOCS['es']} (?:tienes|tiene|hay)|(?:lista|muestra|enumera)(?:me)? (?:los|todos los|mis|tus) {_DOCS['es']}",
    "it": rf"(?:quali|che) {_DOCS['it']} (?:hai|ci sono|conosci|sono (?:disponibili|indicizzati))|quanti {_DOCS['it']} (?:hai|ci sono)|(?:elenca|mostra)(?:mi)? (?:i|tutti i|gli) {_DOCS['it']}",
    "pt": rf"(?:quais|que) {_DOCS['pt']} (?:você tem|tem|tens|há|existem|estão (?:disponíveis|indexados))|quantos {_DOCS['pt']} (?:você tem|tem|há|existem)|(?:liste|lista|mostre)(?:-me)? (?:os|todos os|meus|seus) {_DOCS['pt']}",
    "ru": rf"какие (?:у тебя |у вас |здесь |есть )*{_DOCS['ru']}(?: (?:есть|имеются|доступны|у тебя есть|у вас есть|ты знаешь|вы знаете|здесь есть))?|сколько (?:у тебя |у вас |здесь |всего )*{_DOCS['ru']}(?: (?:есть|у тебя|у вас|здесь))?|(?:перечисли|покажи)(?:те)? (?:все |мне |мои )*{_DOCS['ru']}|список {_DOCS['ru']}",
    "ar": r"(?:ما|ماهي|ما هي) (?:الوثائق|المستندات|الملفات)(?: (?:لديك|المتوفرة|الموجودة|المتاحة|التي لديك|عندك))?|كم (?:عدد (?:الوثائق|المستندات|الملفات)|وثيقة|مستندا|مستندًا|ملفا|ملفًا)(?: لديك)?|(?:اعرض|اذكر) (?:كل |جميع )?(?:الوثائق|المستندات|الملفات)",
    "hi": r"(?:आपके|तुम्हारे) पास (?:कौन(?:[ -]?कौन)? ?से|कितने|क्या) (?:दस्तावेज़|दस्तावेज|फ़ाइलें|फाइलें)(?: हैं)?|(?:कौन(?:[ -]?कौन)? ?से|कितने) (?:दस्तावेज़|दस्तावेज) (?:हैं|उपलब्ध हैं)|(?:सभी )?(?:दस्तावेज़ों|दस्तावेजों) की सूची(?: दें| दिखाएँ)?",
    "th": r"(?:คุณ)?มี(?:เอกสาร|ไฟล์)(?:อะไร(?:บ้าง)?|ใดบ้าง|กี่(?:ฉบับ|ไฟล์|เอกสาร)?)(?:ครับ|คะ)?|(?:แสดง)?รายการ(?:เอกสาร|ไฟล์)(?:ทั้งหมด)?",
    "vi": rf"(?:bạn )?có (?:những )?{_DOCS['vi']} (?:nào|gì)|(?:bạn )?có bao nhiêu {_DOCS['vi']}|(?:liệt kê|cho xem|hiển thị) (?:tất cả )?(?:các )?{_DOCS['vi']}|danh sách {_DOCS['vi']}",
    "tr": rf"hangi {_DOCS['tr']} (?:var|mevcut)|(?:sende |elinde )?(?:hangi|kaç|ne) {_DOCS['tr']} var|kaç {_DOCS['tr']} var|(?:tüm |bütün )?{_DOCS['tr']}(?:i|ı)? (?:listele|göster)(?:yin)?",
    "el": rf"(?:ποια|τι) {_DOCS['el']} (?:έχεις|έχετε|υπάρχουν|γνωρίζεις)|πόσα {_DOCS['el']} (?:έχεις|έχετε|υπάρχουν)|(?:δείξε|δείξτε)(?: μου)? (?:όλα )?τα {_DOCS['el']}",
    "ja": r"(?:どんな|どの(?:ような)?|何の|いくつの|何件の)(?:文書|ドキュメント|ファイル|資料)(?:が|は)?(?:ありますか|あるの?|ある|読めますか|持っていますか)|(?:文書|ドキュメント|ファイル|資料)(?:は|が)(?:いくつ|何件|何が|どれだけ)(?:ありますか|ある)|(?:文書|ドキュメント|ファイル|資料)(?:の)?(?:一覧|リスト)(?:を(?:見せて|表示して|出して)(?:ください)?)?",
    "ko": r"(?:어떤|무슨|몇 개의) (?:문서|파일|자료)(?:가|들이|를)? ?(?:있나요|있어요?|있습니까|가지고 있나요|갖고 있나요)|(?:문서|파일|자료) (?:목록|리스트)(?:을|를)?(?: 보여 ?(?:줘|주세요))?|(?:문서|파일)(?:가|는|은) (?:몇 개|뭐가|무엇이) (?:있나요|있어요?)",
}  # fmt: skip

_THE_FILE_EN = r"(?:the |this |my |our )?(?:whole )?(?:file |document |page |text |doc |pdf )?(?:called |named |titled )?"
_A_SUMMARY_EN = r"(?:(?:a|an|the|one)? ?)(?:(?:short|brief|quick|concise|executive|one[ -]\w+) )?(?:summary|overview|outline|abstract|synopsis|digest|tl;?dr)"

SUMMARY: dict[str, tuple[str, ...]] = {
    "en": (
        rf"(?:(?:briefly|shortly) )?(?:summari[sz]e|sum up|outline|recap|abstract|condense|tl;?dr:?)(?: for me| me)? {_THE_FILE_EN}{{file}}(?: (?:for me|briefly|in (?:short|brief|a few (?:words|sentences)|\w+ (?:words|sentences))))?",
        rf"(?:give|get|write|show|make|provide)(?: me| us)? {_A_SUMMARY_EN} (?:of|for|about|on) {_THE_FILE_EN}{{file}}",
        rf"{_A_SUMMARY_EN} (?:of|for) {_THE_FILE_EN}{{file}}",
        rf"what(?:['’]s| is| does) {_THE_FILE_EN}{{file}} (?:about|all about|say|contain|describe|cover|talk about|say in short)",
        r"what(?:['’]s| is) (?:in|inside) (?:the (?:file|document) ){file}",
        r"{file} (?:summary|overview|tl;?dr)",
    ),
    "zh": (
        r"(?:(?:你|您)?(?:能不能|可不可以|能否|可否|能|可以)(?:帮我|幫我|给我|給我)?)?(?:总结|總結|概括|概述|归纳|歸納|摘要|综述|简述|簡述|介绍|介紹|简要介绍|简单介绍|简要总结|简单总结|小结)(?:总结|概括)?(?:一下子|一下|下|出)?(?:这份|这个|這份|這個|这篇|該|该)?(?:文件|文档|文檔|文章|档案|檔案)? ?[:：]?{file}(?:这份|这个|這個|这篇)?(?: ?(?:文件|文档|文檔|文章|一文))?(?: ?的?(?:主要|大致|核心|全部|整体)?(?:内容|內容|要点|要點|大意|意思))?(?:吧|一下|下|吗|嗎)*",
        r"(?:把|将|對|对)(?:文件|文档|文檔)? ?{file} ?(?:的内容)?(?:做|进行|進行|写)?(?:个|一个|個)?(?:总结|總結|概括|概述|归纳|摘要)(?:一下|下|吧)?",
        r"{file} ?(?:这份|这个|這個|这篇|這份)?(?:文件|文档|文檔|文章)?(?:主要|大致|大概|都|里面?|裡面?|到底)*(?:讲|講|说|說|写|寫|介绍|介紹|是关于|是關於|谈|涉及)(?:了|的是|的|述了?)?(?:些|哪些)?(?:什么|什麼|甚麼|啥|内容)(?:的|内容|內容)?(?:呢|啊)?",
        r"{file} ?的?(?:内容|內容)?(?:摘要|总结|總結|概要|概述|梗概|大意|要点|主要内容|主要內容)(?:是什么|是什麼|有哪些)?",
        r"(?:做|写|给|给出|来|生成)(?:一个|一份|个|份)? ?{file} ?的(?:摘要|总结|概要|概述)",
    ),
    "de": (
        r"(?:fasse?|fassen sie)(?: (?:mir|bitte|kurz))* (?:die datei |das dokument )?{file}(?: (?:bitte|kurz))* zusammen",
        r"(?:eine )?(?:kurze )?zusammenfassung (?:von|der datei|des dokuments|zu) {file}",
        r"(?:worum geht es|was steht) in (?:der datei |dem dokument )?{file}",
    ),
    "fr": (
        r"(?:résume|résumez|résumer)(?:-moi)? (?:le (?:fichier|document) )?{file}",
        r"(?:un |le )?résumé (?:de|du (?:fichier|document)) {file}",
        r"de quoi parle (?:le (?:fichier|document) )?{file}",
    ),
    "es": (
        r"(?:resume|resuma|resumir|resúmeme) (?:el (?:archivo|documento) )?{file}",
        r"(?:un |el )?resumen (?:de|del (?:archivo|documento)) {file}",
        r"de qué trata (?:el (?:archivo|documento) )?{file}",
    ),
    "it": (
        r"(?:riassumi|riassuma|riassumere) (?:il (?:file|documento) )?{file}",
        r"(?:un |il )?riassunto (?:di|del (?:file|documento)) {file}",
        r"di (?:che )?cosa parla (?:il (?:file|documento) )?{file}",
    ),
    "pt": (
        r"(?:resuma|resume|resumir) (?:o (?:arquivo|documento|ficheiro) )?{file}",
        r"(?:um |o )?resumo (?:de|do (?:arquivo|documento|ficheiro)) {file}",
        r"do que (?:trata|fala) (?:o (?:arquivo|documento|ficheiro) )?{file}",
    ),
    "ru": (
        r"(?:кратко )?(?:перескажи|резюмируй|суммируй|обобщи|изложи)(?:те)?(?: кратко| мне)? (?:файл |документ )?{file}",
        r"(?:краткое )?(?:содержание|резюме|изложение) (?:файла |документа )?{file}",
        r"о ч[её]м (?:говорится в )?(?:файле? |документе? )?{file}",
    ),
    "ar": (r"(?:لخص|لخّص|تلخيص|ملخص) (?:ملف |الملف |وثيقة |المستند )?{file}", r"عم يتحدث (?:ملف |الملف )?{file}"),
    "hi": (r"{file} (?:का|की) (?:सारांश|संक्षेप)(?: (?:दें|दीजिए|बताएं|बताइए|बताओ))?", r"{file} (?:को|का) (?:संक्षेप|सारांशित) (?:में बताएं|करें)"),
    "th": (r"สรุป ?(?:ไฟล์|เอกสาร)? ?{file}(?: ?(?:ให้หน่อย|หน่อย))?(?:ครับ|ค่ะ)?", r"{file} ?(?:เกี่ยวกับ|พูดถึง)อะไร"),
    "vi": (r"tóm tắt (?:(?:nội dung|tệp|tập tin|tài liệu) )*{file}", r"{file} (?:nói|viết) về (?:cái )?gì"),
    "tr": (r"{file} ?(?:dosyasını|belgesini|['’]?[yn]?[iıuü])? (?:özetle|özetler misin|özetleyin)", r"{file} ?(?:dosyasının|belgesinin|['’]?n?[iıuü]n)? özeti"),
    "el": (r"(?:συνόψισε|συνοψίστε|σύνοψη|περίληψη)(?: (?:του|το|τού))?(?: (?:αρχείου?|έγγραφο|εγγράφου))? {file}",),
    "ja": (
        r"{file} ?(?:という(?:文書|ファイル))?(?:の内容)?を?(?:簡単に|簡潔に)?(?:要約|まとめ)(?:して|てください|してください|する|て|してくれ)?",
        r"{file} ?の(?:要約|概要|まとめ)(?:を(?:教えて|見せて|書いて)(?:ください)?)?",
        r"{file} ?(?:は|には)(?:何|なに)(?:について|が)(?:書かれて|書いて)?(?:いますか|ありますか|いる|の話ですか)",
    ),
    "ko": (r"{file} ?(?:파일|문서)?(?:의 내용)?(?:을|를)? ?(?:요약|정리)(?:해 ?줘|해 ?주세요|하기|해)?", r"{file} ?(?:파일|문서)?의? ?(?:요약|개요)(?:을|를)?(?: 보여 ?(?:줘|주세요))?"),
}  # fmt: skip
